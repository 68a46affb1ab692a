"""Every night at 02:00 UTC, in Airflow: wait until yesterday's clicks have landed, rank its products, send a mail.

Airflow needs three connections, here as environment variables, and spark-submit on its PATH:
    AIRFLOW_CONN_WEBHDFS_DEFAULT='{"conn_type": "webhdfs", "host": "127.0.0.1", "port": 9870, "login": "USER"}'
    AIRFLOW_CONN_SPARK_DEFAULT='{"conn_type": "spark", "host": "quarry:///DIRECTORY/OF/THE/CLUSTER"}'
    AIRFLOW_CONN_SMTP_DEFAULT='{"conn_type": "smtp", "host": "127.0.0.1", "port": 25, "extra": {"from_email": "airflow@localhost"}}'
"""

import os
from datetime import datetime, timedelta

from airflow.providers.apache.hdfs.sensors.web_hdfs import WebHdfsSensor
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

TABLES = os.environ.get("CLICKS_TABLES", "jdbc:mysql://127.0.0.1:3306/clicks")
# The job reads CLICKS_TABLES_USER and CLICKS_TABLES_PASSWORD itself: what is in its arguments, everybody sees.
JOB = os.environ.get("CLICKS_JOB", os.path.join(os.path.dirname(__file__), "..", "best_products.py"))

with DAG(
    dag_id="clickstream_daily",
    description="Ranks yesterday's clicks once they have landed",
    # The timetable decides what {{ ds }} is, so it is said and not left to a default. With data intervals, the run of
    # 02:00 on the 22nd is about the interval that began on the 21st: ds = the 21st, yesterday. A plain "0 2 * * *" would
    # mean CronTriggerTimetable in Airflow 3 (ds = the 22nd, a day that has hardly begun) and data intervals in Airflow 2.
    # The zone counts as well: ds is a date in UTC, and 02:00 in Asia/Seoul is still the evening before there.
    schedule=CronDataIntervalTimetable("0 2 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=3,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=int(os.environ.get("CLICKS_RETRY_SECONDS", "300")))},
) as dag:
    landed = WebHdfsSensor(
        task_id="landed",
        filepath="/data/raw/clicks/{{ ds.replace('-', '/') }}/_SUCCESS",
        mode="reschedule",
        poke_interval=60,
        timeout=6 * 3600,
    )
    ranking = SparkSubmitOperator(
        task_id="ranking",
        application=JOB,
        name="best products of {{ ds }}",
        conf={"spark.sql.shuffle.partitions": "4"},
        executor_memory="1g",
        # DAG, task and run id are the key of the job's writes: a retry of a write that is committed is skipped. --replace
        # keeps one result a date when another run does the same date again.
        application_args=["--date", "{{ ds }}", "--tables", TABLES, "--replace"],
    )
    mail = EmailOperator(
        task_id="mail",
        to=os.environ.get("CLICKS_MAIL_TO", "team@localhost"),
        subject="Best products of {{ ds }}",
        html_content="The clicks of {{ ds }} are ranked: "
        "<code>SELECT * FROM best_products WHERE ds = '{{ ds }}' ORDER BY position</code>",
    )
    landed >> ranking >> mail
