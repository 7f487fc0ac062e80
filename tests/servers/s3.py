"""A server on loopback that speaks like S3 over HTTP: moto, since no server of S3 itself can be had here.

It keeps objects in memory, knows multipart uploads and If-None-Match, and takes any key for right unless it is
told how many requests go unchecked.
"""

from __future__ import annotations

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

KEY, SECRET = "AKIATEST", "5ecret-of-the-key"
BUCKET = "lake"


class S3:
    """With a bucket; `client` is boto's own, to look at what is there."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.port = port
        self.endpoint = f"http://{host}:{port}"
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 1}),
        )
        self.client.create_bucket(Bucket=BUCKET)

    def keys(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", ())]

    def body(self, key: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return data

    def uploads(self) -> list[str]:
        """The objects of which an upload in parts is unfinished."""
        return [item["Key"] for item in self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]

    def close(self) -> None:
        self._server.stop()
