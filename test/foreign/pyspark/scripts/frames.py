"""Data frames through every door that users have: local data, SQL, views, files, pandas, show. Prints JSON."""
import datetime
import decimal
import io
import json
import sys
from contextlib import redirect_stdout

import pandas as pd
from pyspark.sql import Row, SparkSession, functions as F

spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
results = {}


def printed(action):
    out = io.StringIO()
    with redirect_stdout(out):
        action()
    return out.getvalue()


def error(action):
    try:
        action()
    except Exception as thrown:
        return {"type": type(thrown).__name__, "condition": thrown.getCondition(), "sqlState": thrown.getSqlState()}
    return None


people = spark.createDataFrame(
    [
        Row(id=1, name="Ann", score=2.5, born=datetime.date(1990, 5, 1), paid=decimal.Decimal("12.50")),
        Row(id=2, name=None, score=1e10, born=None, paid=None),
        Row(id=3, name="Bo", score=float("nan"), born=datetime.date(2001, 12, 31), paid=decimal.Decimal("-0.05")),
    ],
    "id long, name string, score double, born date, paid decimal(10,2)",
)
results["show"] = printed(lambda: people.show())
results["tree"] = printed(lambda: people.printSchema())
results["more"] = printed(lambda: spark.range(3).show(2))
results["vertical"] = printed(lambda: people.select("id", "name").limit(1).show(vertical=True))
results["rows"] = [[r.id, r.name, str(r.born), str(r.paid)] for r in people.orderBy("id").collect()]
results["pandas"] = people.select("id", "name").toPandas().astype(object).where(pd.notna, None).values.tolist()
results["empty"] = [spark.createDataFrame([], "a int, b string").count(), people.filter("id > 9").toPandas().shape[0]]

people.createOrReplaceTempView("people")
results["views"] = [t.name for t in spark.catalog.listTables()]
results["sql"] = [list(r) for r in spark.sql("SELECT name, id + 1 AS next FROM people WHERE name IS NOT NULL ORDER BY id").collect()]
results["arguments"] = spark.sql("SELECT :a + 1 AS x", args={"a": 41}).collect()[0].x
results["dropped"] = [spark.catalog.dropTempView("people"), spark.catalog.dropTempView("people")]

numbers = spark.range(1000).withColumn("bucket", F.col("id") % 3)
numbers.write.parquet("/out/numbers")
results["again"] = error(lambda: numbers.write.parquet("/out/numbers"))
results["count"] = spark.read.parquet("/out/numbers").count()
numbers.limit(10).write.mode("append").parquet("/out/numbers")
results["appended"] = spark.read.parquet("/out/numbers").count()
numbers.filter("id < 6").write.mode("overwrite").partitionBy("bucket").parquet("/out/numbers")
back = spark.read.parquet("/out/numbers")
results["overwritten"] = [list(r) for r in back.orderBy("id").select("id", "bucket").collect()]
numbers.write.mode("ignore").parquet("/out/numbers")
results["ignored"] = spark.read.parquet("/out/numbers").count()

results["errors"] = {
    "column": error(lambda: people.select("nope").collect()),
    "table": error(lambda: spark.sql("SELECT * FROM missing_table")),
    "syntax": error(lambda: spark.sql("SELEC 1")),
    "path": error(lambda: spark.read.parquet("/no/such/path").collect()),
    "zero": error(lambda: spark.sql("SELECT 1 / (id - id) FROM range(1)").collect()),
    "cast": error(lambda: spark.sql("SELECT CAST('x' AS INT)").collect()),
    "function": error(lambda: spark.udf.register("f", lambda x: x)),
}
print(json.dumps(results))
spark.stop()
