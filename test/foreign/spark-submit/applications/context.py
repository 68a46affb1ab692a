"""An application that starts from a SparkContext."""

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

sc = SparkContext(conf=SparkConf().setMaster("local[*]").setAppName("context first"))
print(sc.appName, SparkSession.builder.getOrCreate().range(3).count(), SparkContext.getOrCreate().appName)
sc.stop()
