"""Objects up and down with boto3, as its manual says: one process a call.

python -m benchmark.s3_tool upload|download|remove URL BUCKET KEY [FILE]
"""

import contextlib
import sys
from typing import Any

import boto3
from botocore import config
from botocore import exceptions


def main(verb: str, url: str, bucket: str, key: str, file: str = '-') -> None:
    addressing = config.Config(s3={'addressing_style': 'path'})
    client: Any = boto3.client('s3', endpoint_url=url, config=addressing)
    if verb == 'upload':
        with contextlib.suppress(exceptions.ClientError):  # it exists
            client.create_bucket(Bucket=bucket)
        if file == '-':
            client.upload_fileobj(sys.stdin.buffer, bucket, key)
            return
        with open(file, 'rb') as source:
            client.upload_fileobj(source, bucket, key)
    elif verb == 'download':
        with open('/dev/null', 'wb') as sink:
            client.download_fileobj(bucket, key, sink)
    else:
        client.delete_object(Bucket=bucket, Key=key)


if __name__ == '__main__':
    main(*sys.argv[1:])
