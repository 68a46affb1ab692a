"""Runs a PySpark application as spark-submit does, against Quarry over Spark Connect: python bootstrap.py APPLICATION.py [ARGUMENTS].

The application is unchanged Spark: a master that it names is ignored, a small sparkContext is there, and when this process or
spark-submit is killed, what it runs in the cluster ends with it.
"""

import atexit
import builtins
import json
import logging
import os
import queue
import select
import signal
import sys
import threading
import types
import weakref

FACTS = json.loads(os.environ.pop("QUARRY_SUBMIT", "{}"))
PIP = "pip install pyspark-client==4.0.1 'pandas<3' pyarrow grpcio grpcio-status googleapis-common-protos"
# How long ending a session may take: a driver that is gone does not answer.
END_SECONDS = 5
PARENT_POLL_SECONDS = 1

sessions = weakref.WeakSet()


def warn(text):
    print(f"spark-submit: {text}", file=sys.stderr, flush=True)


def fail(text):
    warn(text)
    sys.exit(1)


def import_pyspark():
    try:
        import pyspark.sql
        import pyspark.sql.connect.session
    except ImportError as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        fail(f"{sys.executable} cannot import pyspark.sql.connect ({reason}): {PIP}, or name another Python with PYSPARK_PYTHON")


# Sessions: started with the application's name, ended with the application.


def patch_sessions():
    from pyspark.sql.connect.dataframe import DataFrame as RemoteFrame
    from pyspark.sql.connect.session import SparkSession as RemoteSession
    from pyspark.sql.session import SparkSession

    start = RemoteSession.__init__

    def started(self, *args, **kwargs):
        start(self, *args, **kwargs)
        sessions.add(self)

    RemoteSession.__init__ = started
    RemoteSession.sparkContext = property(SubmitContext)
    RemoteSession.newSession = lambda session: SparkSession.builder.create()
    RemoteFrame.rdd = property(lambda frame: no_rdd("DataFrame.rdd"))

    builder = SparkSession.Builder
    validate = builder._validate_startup_urls

    def validate_without_master(self):
        master = self._options.pop("spark.master", None)
        if master is not None:
            warn(f"master {master} is ignored: this application was submitted to {cluster_url()}")
        validate(self)

    builder._validate_startup_urls = validate_without_master

    def named(create):
        def with_name(self):
            name = FACTS.get("conf", {}).get("spark.app.name")
            # A session that is there keeps the name that it has.
            if all(session.is_stopped for session in sessions):
                if name is not None:
                    self._options.setdefault("spark.app.name", name)
                # The driver's worker of a foreachBatch function needs the Python that has pickled it.
                self._options.setdefault("spark.pyspark.python", sys.executable)
            return create(self)

        return with_name

    builder.getOrCreate = named(builder.getOrCreate)
    builder.create = named(builder.create)


def cluster_url():
    return os.environ["SPARK_REMOTE"].split("/;")[0]


def end_sessions(interrupt):
    for session in list(sessions):
        try:
            if session.is_stopped:
                continue
            if interrupt:
                session.client.interrupt_all()
            session.client.release_session()
        except Exception as error:  # The driver may be gone, and then there is nothing to end.
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            warn(f"a session could not be ended: {reason}")


def start_thread(name, target):
    threading.Thread(target=target, name=f"spark-submit-{name}", daemon=True).start()


def watch():
    """
    A signal handler only writes a byte: whatever lock the interrupted code holds, threads of our own do the work. They are
    started now, because a process that exits starts none, and there are two, because a call to a driver that is gone hangs.
    """
    reader, writer = os.pipe()
    requests = queue.SimpleQueue()
    ended = threading.Event()

    def end():
        end_sessions(interrupt=requests.get())
        ended.set()

    def loop():
        while True:
            signalled = select.select([reader], [], [], PARENT_POLL_SECONDS)[0]
            orphaned = FACTS.get("parent") is not None and os.getppid() != FACTS["parent"]
            if signalled or orphaned:
                break
        warn("killed: what the application runs in the cluster is interrupted")
        requests.put(True)
        ended.wait(END_SECONDS)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass  # Whoever read it is gone.
        os._exit(128 + signal.SIGTERM)

    def at_exit():
        requests.put(False)
        ended.wait(END_SECONDS)

    signal.signal(signal.SIGTERM, lambda number, frame: os.write(writer, b"."))
    atexit.register(at_exit)
    start_thread("end", end)
    start_thread("watch", loop)


# sparkContext: what an application asks it for besides RDDs.

RDD_CALLS = (
    "parallelize textFile wholeTextFiles range emptyRDD union broadcast accumulator binaryFiles binaryRecords "
    "newAPIHadoopFile newAPIHadoopRDD hadoopFile hadoopRDD pickleFile sequenceFile runJob"
).split()


def no_rdd(name):
    from pyspark.errors import PySparkNotImplementedError

    # Not an AttributeError: the frame's own __getattr__ would be asked next, and answer something else.
    raise PySparkNotImplementedError(
        message=f"{name} needs RDDs, broadcasts or accumulators, which PySpark has in a JVM only: use DataFrames "
        "(spark.createDataFrame, spark.read, spark.range), or rdd() of Quarry's TypeScript SDK"
    )


class SubmitContext:
    """The part of SparkContext that works without a JVM."""

    def __init__(self, session):
        self._session = session

    @classmethod
    def getOrCreate(cls, conf=None):
        from pyspark.sql import SparkSession

        builder = SparkSession.builder
        return (builder if conf is None else builder.config(conf=conf)).getOrCreate().sparkContext

    @property
    def appName(self):
        return self._session.conf.get("spark.app.name")

    @property
    def applicationId(self):
        return f"quarry-{self._session.session_id}"

    @property
    def master(self):
        return cluster_url()

    @property
    def version(self):
        return self._session.version

    @property
    def uiWebUrl(self):
        return FACTS.get("web")

    @property
    def defaultParallelism(self):
        return int(self._session.conf.get("spark.sql.shuffle.partitions"))

    def sparkUser(self):
        import getpass

        return getpass.getuser()

    def getConf(self):
        from pyspark import SparkConf

        conf = SparkConf(loadDefaults=False)
        for key, value in FACTS.get("conf", {}).items():
            conf.set(key, value)
        return conf.setMaster(self.master).setAppName(self.appName)

    def setLogLevel(self, logLevel):
        levels = {"ALL": 1, "TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "FATAL": 50, "OFF": 100}
        if str(logLevel).upper() not in levels:
            raise ValueError(f"{logLevel} is no log level: {', '.join(levels)}")
        logging.getLogger("pyspark").setLevel(levels[str(logLevel).upper()])

    def setJobGroup(self, groupId, description, interruptOnCancel=False):
        self._session.addTag(groupId)

    def cancelJobGroup(self, groupId):
        self._session.interruptTag(groupId)

    def cancelAllJobs(self):
        self._session.interruptAll()

    def setJobDescription(self, value):
        pass

    def setLocalProperty(self, key, value):
        pass

    def setCheckpointDir(self, dirName):
        pass

    def addPyFile(self, path):
        self._session.addArtifacts(path, pyfile=True)

    def stop(self):
        self._session.stop()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def __getattr__(self, name):
        from pyspark.errors import PySparkAttributeError

        if name in RDD_CALLS:
            no_rdd(f"sparkContext.{name}")
        raise PySparkAttributeError(message=f"sparkContext.{name} is not available over Spark Connect")


def patch_context():
    """`from pyspark import SparkContext` works too: it is the session's."""
    import pyspark

    class SparkContext(SubmitContext):
        def __new__(cls, master=None, appName=None, *args, conf=None, **kwargs):
            from pyspark import SparkConf

            settings = SparkConf() if conf is None else conf
            if master is not None:
                settings.setMaster(master)
            if appName is not None:
                settings.setAppName(appName)
            return SubmitContext.getOrCreate(settings)

    pyspark.SparkContext = SparkContext


def patch_files():
    """`SparkFiles.get` answers where a file of --files is: the application runs on the machine that it was submitted from."""
    import pyspark

    files = FACTS.get("files", {})

    class SparkFiles:
        @classmethod
        def get(cls, filename):
            return files.get(filename, os.path.abspath(filename))

        @classmethod
        def getRootDirectory(cls):
            return os.path.dirname(next(iter(files.values()))) if files else os.getcwd()

    pyspark.SparkFiles = SparkFiles


# The application, as `python APPLICATION.py` runs it.


def run(path, arguments):
    with open(path, "rb") as file:
        source = file.read()
    main = types.ModuleType("__main__")
    main.__file__ = path
    main.__builtins__ = builtins
    # The functions of this file outlive its module's place: a module that nobody refers to is emptied.
    main.__spark_submit__ = sys.modules["__main__"]
    sys.modules["__main__"] = main
    sys.argv = [path, *arguments]
    if sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
        sys.path[0] = os.path.dirname(os.path.abspath(path))
    try:
        exec(compile(source, path, "exec"), main.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        # The first frame is this function.
        frames = error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(frames), frames)
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        fail("name an application file")
    import_pyspark()
    patch_sessions()
    patch_context()
    patch_files()
    watch()
    run(sys.argv[1], sys.argv[2:])
