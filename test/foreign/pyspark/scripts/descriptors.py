"""Prints the messages, enums and methods of the installed client's protocol as JSON."""
import importlib
import json

from google.protobuf import descriptor_pb2

Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {number: name[len("TYPE_"):].lower() for name, number in Field.Type.items()}
FILES = ["base", "catalog", "commands", "common", "expressions", "ml", "ml_common", "relations", "types"]

messages, enums, methods = {}, {}, {}


def type_name(field):
    return field.type_name.lstrip(".") or SCALARS[field.type]


def add_message(message, prefix):
    full = prefix + message.name
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    fields = {}
    for field in message.field:
        label = "optional" if field.proto3_optional else "repeated" if field.label == Field.LABEL_REPEATED else "single"
        oneof = None
        if field.HasField("oneof_index") and not field.proto3_optional:
            oneof = message.oneof_decl[field.oneof_index].name
        kind = type_name(field)
        entry = entries.get(kind.rsplit(".", 1)[-1]) if label == "repeated" else None
        if entry is not None:
            kind = "map<%s, %s>" % tuple(type_name(f) for f in entry.field)
            label = "map"
        fields[field.name] = {"number": field.number, "type": kind, "label": label, "oneof": oneof}
    messages[full] = fields
    for enum in message.enum_type:
        enums[full + "." + enum.name] = {value.name: value.number for value in enum.value}
    for nested in message.nested_type:
        if nested.name not in entries:
            add_message(nested, full + ".")


for name in FILES:
    module = importlib.import_module("pyspark.sql.connect.proto.%s_pb2" % name)
    file = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    prefix = file.package + "."
    for message in file.message_type:
        add_message(message, prefix)
    for enum in file.enum_type:
        enums[prefix + enum.name] = {value.name: value.number for value in enum.value}
    for service in file.service:
        for method in service.method:
            methods[method.name] = {
                "request": method.input_type.lstrip("."),
                "response": method.output_type.lstrip("."),
                "requestStream": method.client_streaming,
                "responseStream": method.server_streaming,
            }

print(json.dumps({"messages": messages, "enums": enums, "methods": methods}))
