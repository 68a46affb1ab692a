"""A streaming query, awaited for ever."""

import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
rows = spark.readStream.format("rate").option("rowsPerSecond", 5).load()
writer = rows.writeStream.format("noop").option("checkpointLocation", sys.argv[1]).trigger(processingTime="1 second")
writer.start().awaitTermination()
