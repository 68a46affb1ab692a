import sys

from pyspark import SparkFiles

print(SparkFiles.get(sys.argv[1]))
