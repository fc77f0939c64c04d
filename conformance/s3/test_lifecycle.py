"""Lifecycle configurations, what is refused of them, and what objects say of their end.

What happens when days pass is in `resilience/test_lifecycle.py`: it takes a server with short days.
"""

import datetime
import re
from email.utils import parsedate_to_datetime

from conftest import PART, error_of

DAYS = {"Expiration": {"Days": 1}}


def rule(**members):
    return {"Status": "Enabled", "Filter": {}} | members


def put(s3, bucket, *rules):
    configuration = {"Rules": list(rules)}
    return s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration=configuration
    )


def get(s3, bucket):
    return s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]


def expiration_of(answer):
    """(date, rule) of x-amz-expiration."""
    text = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-expiration")
    if text is None:
        return None
    date, name = re.fullmatch(r'expiry-date="([^"]+)", rule-id="([^"]+)"', text).groups()
    return parsedate_to_datetime(date), name


def test_a_configuration_comes_back_as_it_was_put(s3, bucket):
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    joined = {"And": {"Prefix": "x/", "Tags": tags, "ObjectSizeGreaterThan": 7}}
    date = datetime.datetime(2040, 1, 1, tzinfo=datetime.timezone.utc)
    noncurrent = {"NoncurrentDays": 2, "NewerNoncurrentVersions": 3}
    rules = [
        rule(ID="joined", Filter=joined, **DAYS),
        rule(ID="date", Filter={"Prefix": "d/"}, Expiration={"Date": date}),
        rule(ID="tag", Filter={"Tag": tags[0]}, NoncurrentVersionExpiration=noncurrent),
        rule(ID="markers", Expiration={"ExpiredObjectDeleteMarker": True}, Status="Disabled"),
        rule(ID="uploads", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 9}),
        {"ID": "old form", "Status": "Enabled", "Prefix": "o/"} | DAYS,
    ]
    put(s3, bucket, *rules)
    assert get(s3, bucket) == rules
    put(s3, bucket, rules[0])
    assert get(s3, bucket) == rules[:1]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    gone = error_of(s3.get_bucket_lifecycle_configuration, Bucket=bucket)
    assert gone == (404, "NoSuchLifecycleConfiguration")
    s3.delete_bucket_lifecycle(Bucket=bucket)


def test_rules_without_a_name_get_one(s3, bucket):
    put(s3, bucket, rule(**DAYS), rule(ID="mine", **DAYS), rule(**DAYS))
    names = [kept["ID"] for kept in get(s3, bucket)]
    assert len(set(names)) == 3 and names[1] == "mine" and all(names)


def test_what_is_refused(s3, bucket):
    tag = {"Key": "k", "Value": "v"}
    abort = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    moved = {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}
    noon = datetime.datetime(2040, 1, 1, 12, tzinfo=datetime.timezone.utc)
    put(s3, bucket, rule(ID="kept", **DAYS))
    for code, *rules in [
        ("MalformedXML", rule(Status="enabled", **DAYS)),
        ("MalformedXML", rule(Prefix="", **DAYS)),
        ("MalformedXML", rule(Filter={"Prefix": "p", "Tag": tag}, **DAYS)),
        ("MalformedXML", rule(Filter={"And": {"Prefix": "p"}}, **DAYS)),
        ("MalformedXML", rule(Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True})),
        ("InvalidRequest", rule()),
        ("InvalidRequest", rule(Filter={"Tag": tag}, **abort)),
        ("InvalidArgument", rule(Expiration={"Days": 0})),
        ("InvalidArgument", rule(Expiration={"Date": noon})),
        ("InvalidArgument", rule(ID="x" * 256, **DAYS)),
        ("InvalidArgument", rule(ID="x", **DAYS), rule(ID="x", **DAYS)),
        ("InvalidStorageClass", rule(**moved)),
    ]:
        configuration = {"Rules": rules}
        call = s3.put_bucket_lifecycle_configuration
        refused = error_of(call, Bucket=bucket, LifecycleConfiguration=configuration)
        assert refused == (400, code), rules
    assert [kept["ID"] for kept in get(s3, bucket)] == ["kept"]


def test_objects_say_when_they_end(s3, bucket):
    late = rule(ID="late", Filter={"Prefix": "a/"}, Expiration={"Days": 30})
    soon = rule(ID="soon & odd", Filter={"Prefix": "a/b/"}, Expiration={"Days": 2})
    put(s3, bucket, late, soon)
    before = datetime.datetime.now(datetime.timezone.utc)
    for key, days, name in [("a/1", 30, "late"), ("a/b/1", 2, "soon%20%26%20odd")]:
        told = expiration_of(s3.put_object(Bucket=bucket, Key=key, Body=b"x"))
        date, by = told
        assert by == name
        assert (date.hour, date.minute, date.second) == (0, 0, 0)
        wait = date - before
        assert datetime.timedelta(days=days) <= wait <= datetime.timedelta(days=days + 1, minutes=5)
        assert expiration_of(s3.head_object(Bucket=bucket, Key=key)) == told
        assert expiration_of(s3.get_object(Bucket=bucket, Key=key)) == told
    assert expiration_of(s3.put_object(Bucket=bucket, Key="b", Body=b"x")) is None
    source = {"Bucket": bucket, "Key": "b"}
    copied = s3.copy_object(Bucket=bucket, Key="a/2", CopySource=source)
    assert expiration_of(copied)[1] == "late"
    where = {"Bucket": bucket, "Key": "a/3"}
    upload = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x" * PART)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    done = s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)
    assert expiration_of(done)[1] == "late"


def test_payment_and_acceleration_are_kept(s3, bucket):
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    for payer in ("Requester", "BucketOwner"):
        s3.put_bucket_request_payment(
            Bucket=bucket, RequestPaymentConfiguration={"Payer": payer}
        )
        assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == payer
    call, wrong = s3.put_bucket_request_payment, {"Payer": "Nobody"}
    refused = error_of(call, Bucket=bucket, RequestPaymentConfiguration=wrong)
    assert refused == (400, "MalformedXML")
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_accelerate_configuration(
            Bucket=bucket, AccelerateConfiguration={"Status": status}
        )
        assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == status
    call, wrong = s3.put_bucket_accelerate_configuration, {"Status": "Fast"}
    refused = error_of(call, Bucket=bucket, AccelerateConfiguration=wrong)
    assert refused == (400, "MalformedXML")
