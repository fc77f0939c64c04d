"""A bucket's notification configuration: kept, checked, taken away."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import hook_config
from .receivers import Webhook

ARN = "arn:dolium:sqs::hook"


def configure(s3: Any, bucket: str, *queues: dict[str, Any], **more: Any) -> None:
    configuration = {"QueueConfigurations": list(queues)} if queues else {}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=configuration, **more
    )


def test_what_is_put_is_got(told: Any, webhook: Webhook) -> None:
    _, s3 = told(hook_config(webhook))
    s3.create_bucket(Bucket="photos")
    filter_rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".jpg"}]
    queue = {
        "Id": "pictures",
        "QueueArn": ARN,
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"],
        "Filter": {"Key": {"FilterRules": filter_rules}},
    }
    topic = {"TopicArn": "arn:aws:sns:us-east-1:1:hook", "Events": ["s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="photos",
        NotificationConfiguration={"QueueConfigurations": [queue], "TopicConfigurations": [topic]},
    )
    got = s3.get_bucket_notification_configuration(Bucket="photos")
    assert got["QueueConfigurations"] == [queue]
    assert got["TopicConfigurations"][0].pop("Id")
    assert got["TopicConfigurations"] == [topic]

    configure(s3, "photos")
    got = s3.get_bucket_notification_configuration(Bucket="photos")
    assert "QueueConfigurations" not in got and "TopicConfigurations" not in got


@pytest.mark.parametrize(
    "wrong",
    [
        {"QueueArn": "arn:dolium:sqs::nobody"},
        {"QueueArn": "hook"},
        {"Events": ["s3:ObjectAte:*"]},
        {"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "a"}] * 2}}},
    ],
)
def test_what_cannot_work_is_refused(told: Any, webhook: Webhook, wrong: dict[str, Any]) -> None:
    _, s3 = told(hook_config(webhook))
    s3.create_bucket(Bucket="photos")
    queue = {"QueueArn": ARN, "Events": ["s3:ObjectCreated:*"], **wrong}
    with pytest.raises(ClientError) as refused:
        configure(s3, "photos", queue)
    assert refused.value.response["Error"]["Code"] == "InvalidArgument"
    got = s3.get_bucket_notification_configuration(Bucket="photos")
    assert "QueueConfigurations" not in got


def test_a_target_may_come_later(told: Any, webhook: Webhook) -> None:
    _, s3 = told(hook_config(webhook))
    s3.create_bucket(Bucket="photos")
    queue = {"QueueArn": "arn:dolium:sqs::later", "Events": ["s3:ObjectCreated:*"]}
    configure(s3, "photos", queue, SkipDestinationValidation=True)
    s3.put_object(Bucket="photos", Key="a", Body=b"x")


def test_wrong_targets_do_not_start(start: Any, tmp_path: Any) -> None:
    from harness.server import Server, refused_start, write_config

    text = '[[notify]]\nname = "hook"\nkind = "webhok"\nurl = "http://localhost/"\n'
    config = write_config(tmp_path / "dolium.toml", tmp_path / "data", text)
    said = refused_start(Server(tmp_path / "data", config=config))
    assert "dolium.toml:2" in said and "Did you mean `webhook`?" in said, said
