"""Compares a restarted server with the model: listings, every changed body, every version."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from load import PLAIN, VERSIONED, Load

from model import Listed

READERS = 8


def verify(load: Load, everything: bool = False) -> list[str]:
    """What is wrong, in words. The state found is taken as the base of the next round."""
    listed = listing(load)
    keys = set(load.plain.attempts) if everything else set(load.plain.touched())
    wrong = [f"{key} is listed and was never written" for key in listed if
             key not in load.plain.attempts]
    with ThreadPoolExecutor(READERS) as pool:
        wrong += filter(None, pool.map(lambda key: compare(load, key, listed.get(key)), keys))
    wrong += [
        f"{key} is listed as {listed.get(key)}"
        for key in set(load.plain.attempts) - keys
        if (listed.get(key) or (None,))[0] not in load.plain.allowed(key)
    ]
    return wrong + verify_versions(load, everything)


def listing(load: Load) -> dict[str, tuple[str, int]]:
    pages = load.s3.get_paginator("list_objects_v2").paginate(
        Bucket=PLAIN, PaginationConfig={"PageSize": 50}
    )
    entries: Iterable[dict] = (entry for page in pages for entry in page.get("Contents", []))
    return {entry["Key"]: (entry["ETag"].strip('"'), entry["Size"]) for entry in entries}


def compare(load: Load, key: str, listed: tuple[str, int] | None) -> str | None:
    """One key: what a read gives, what the listing says, and what may be."""
    try:
        answer = load.s3.get_object(Bucket=PLAIN, Key=key)
    except load.s3.exceptions.NoSuchKey:
        if listed is not None:
            return f"{key} is listed and cannot be read"
        return load.plain.settle(key, None)
    body, etag = answer["Body"].read(), answer["ETag"].strip('"')
    if listed != (etag, len(body)):
        return f"{key} is {etag} with {len(body)} bytes, listed as {listed}"
    return load.plain.wrong_body(etag, body) or load.plain.settle(key, etag)


def verify_versions(load: Load, everything: bool) -> list[str]:
    """The bucket with versions: which there are, in which order, and bodies not looked at before."""
    listed = list_versions(load)
    wrong = load.versioned.settle(listed)
    fresh = [
        (key, entry.version, entry.etag)
        for key, entries in listed.items()
        for entry in entries
        if entry.etag and (everything or entry.version not in load.versions_read)
    ]
    load.versions_read |= {version for _, version, _ in fresh}

    def read(item: tuple[str, str, str]) -> str | None:
        key, version, etag = item
        answer = load.s3.get_object(Bucket=VERSIONED, Key=key, VersionId=version)
        return load.plain.wrong_body(etag, answer["Body"].read())

    with ThreadPoolExecutor(READERS) as pool:
        return wrong + list(filter(None, pool.map(read, fresh)))


def list_versions(load: Load) -> dict[str, list[Listed]]:
    found: dict[str, list[Listed]] = {}
    pages = load.s3.get_paginator("list_object_versions").paginate(
        Bucket=VERSIONED, PaginationConfig={"PageSize": 70}
    )
    for page in pages:
        for entry in page.get("Versions", []) + page.get("DeleteMarkers", []):
            etag = entry["ETag"].strip('"') if "ETag" in entry else None
            told = Listed(entry["VersionId"], etag, entry["IsLatest"])
            found.setdefault(entry["Key"], []).append(told)
    return found
