//! The message of an event, as S3 words it (event version 2.3).
//!
//! Promises: any bytes of a key come back from the message's percent-encoding.
//! Does not: keep size and ETag of what was removed, as S3 does not.

use dolium_catalog::EventRow;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde::{Deserialize, Serialize};

/// What is known of the request behind an event; the store keeps it with the event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Facts {
    source_ip: String,
    request_id: String,
    host_id: String,
}

/// What a message says beside the event itself.
pub(crate) struct Scene<'a> {
    /// The server's region.
    pub(crate) region: &'a str,
    /// The bucket's name.
    pub(crate) bucket: &'a str,
    /// The S3 identifier of its owner.
    pub(crate) owner: &'a str,
    /// True when the bucket never kept versions.
    pub(crate) unversioned: bool,
    /// The S3 identifier of who did it, empty when nobody in particular did.
    pub(crate) author: &'a str,
    /// The rule that matched.
    pub(crate) rule: &'a str,
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "Records")]
    records: [Record<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    event_version: &'a str,
    event_source: &'a str,
    aws_region: &'a str,
    event_time: String,
    event_name: &'a str,
    user_identity: Identity<'a>,
    request_parameters: RequestParameters<'a>,
    response_elements: ResponseElements<'a>,
    s3: Body<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    principal_id: &'a str,
}

#[derive(Serialize)]
struct RequestParameters<'a> {
    #[serde(rename = "sourceIPAddress")]
    source_ip: &'a str,
}

#[derive(Serialize)]
struct ResponseElements<'a> {
    #[serde(rename = "x-amz-request-id")]
    request_id: &'a str,
    #[serde(rename = "x-amz-id-2")]
    host_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    s3_schema_version: &'a str,
    configuration_id: &'a str,
    bucket: Bucket<'a>,
    object: Object<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bucket<'a> {
    name: &'a str,
    owner_identity: Identity<'a>,
    arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e_tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<String>,
    sequencer: String,
}

/// The message of an event.
pub(crate) fn message(event: &EventRow, scene: &Scene<'_>) -> Vec<u8> {
    // Facts are decoration: an event without them is still an event.
    let facts: Facts = serde_json::from_slice(&event.meta).unwrap_or_default();
    let created = event.kind.starts_with("ObjectCreated:");
    let version_id = match (event.null_version, scene.unversioned) {
        (false, _) => Some(format!("{:016x}", event.serial)),
        (true, false) => Some("null".to_owned()),
        (true, true) => None,
    };
    let record = Record {
        event_version: "2.3",
        event_source: "aws:s3",
        aws_region: scene.region,
        event_time: time(event.created),
        event_name: &event.kind,
        user_identity: Identity {
            principal_id: scene.author,
        },
        request_parameters: RequestParameters {
            source_ip: &facts.source_ip,
        },
        response_elements: ResponseElements {
            request_id: &facts.request_id,
            host_id: &facts.host_id,
        },
        s3: Body {
            s3_schema_version: "1.0",
            configuration_id: scene.rule,
            bucket: Bucket {
                name: scene.bucket,
                owner_identity: Identity {
                    principal_id: scene.owner,
                },
                arn: format!("arn:aws:s3:::{}", scene.bucket),
            },
            object: Object {
                key: encode(&event.path),
                size: created.then_some(event.size),
                e_tag: created.then_some(event.etag.as_str()),
                version_id,
                sequencer: format!("{:016X}", event.seq),
            },
        },
    };
    let message = Message { records: [record] };
    serde_json::to_vec(&message).expect("text and numbers are always JSON")
}

/// A moment as ISO 8601 with milliseconds.
fn time(us: i64) -> String {
    let moment = jiff::Timestamp::from_microsecond(us).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// What is escaped in a key: all that a form escapes, but for slashes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'*')
    .remove(b'/');

/// A key as a form would carry it, with its slashes left as they are.
fn encode(key: &[u8]) -> String {
    let escaped = percent_encode(key, ESCAPED).to_string();
    escaped.replace("%20", "+")
}

#[cfg(test)]
mod tests {
    use dolium_catalog::{ContainerId, UserId};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn event(kind: &str) -> EventRow {
        EventRow {
            id: 5,
            container_id: ContainerId(1),
            created: 1_700_000_000_123_456,
            kind: kind.to_owned(),
            path: "in/a b+ü.jpg".as_bytes().to_vec(),
            seq: 255,
            serial: 254,
            size: 3,
            etag: "tag".to_owned(),
            null_version: false,
            author: Some(UserId(1)),
            meta: br#"{"source_ip":"::1","request_id":"R","host_id":"H"}"#.to_vec(),
        }
    }

    fn scene() -> Scene<'static> {
        Scene {
            region: "eu-west-1",
            bucket: "photos",
            owner: "0f",
            unversioned: false,
            author: "0a",
            rule: "all",
        }
    }

    fn read(message: &[u8]) -> Value {
        serde_json::from_slice::<Value>(message).unwrap()["Records"][0].clone()
    }

    #[test]
    fn a_created_object() {
        let expect = json!({
            "eventVersion": "2.3",
            "eventSource": "aws:s3",
            "awsRegion": "eu-west-1",
            "eventTime": "2023-11-14T22:13:20.123Z",
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "0a"},
            "requestParameters": {"sourceIPAddress": "::1"},
            "responseElements": {"x-amz-request-id": "R", "x-amz-id-2": "H"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "all",
                "bucket": {
                    "name": "photos",
                    "ownerIdentity": {"principalId": "0f"},
                    "arn": "arn:aws:s3:::photos",
                },
                "object": {
                    "key": "in/a+b%2B%C3%BC.jpg",
                    "size": 3,
                    "eTag": "tag",
                    "versionId": "00000000000000fe",
                    "sequencer": "00000000000000FF",
                },
            },
        });
        assert_eq!(
            read(&message(&event("ObjectCreated:Put"), &scene())),
            expect
        );
    }

    #[test]
    fn a_removed_object_has_no_size() {
        let mut event = event("ObjectRemoved:Delete");
        event.null_version = true;
        event.meta = b"no JSON".to_vec();
        let object = |scene: &Scene<'_>| read(&message(&event, scene))["s3"]["object"].clone();
        let versioned = object(&scene());
        assert_eq!(versioned["versionId"], "null");
        assert_eq!(
            (&versioned["size"], &versioned["eTag"]),
            (&Value::Null, &Value::Null)
        );
        let unversioned = Scene {
            unversioned: true,
            ..scene()
        };
        assert_eq!(object(&unversioned)["versionId"], Value::Null);
    }

    fn decode(text: &str) -> Vec<u8> {
        let mut bytes = text.bytes();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            out.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
                }
                byte => byte,
            });
        }
        out
    }

    proptest! {
        #[test]
        fn keys_come_back(key in prop::collection::vec(any::<u8>(), 0..100)) {
            let text = encode(&key);
            prop_assert!(text.is_ascii() && !text.contains([' ', '"', '<', '&']));
            prop_assert_eq!(decode(&text), key);
        }

        #[test]
        fn any_event_has_a_message(created: i64, seq: i64, serial: i64, kind in ".*", meta in prop::collection::vec(any::<u8>(), 0..40)) {
            let row = EventRow { created, seq, serial, meta, ..event(&kind) };
            let read = read(&message(&row, &scene()));
            prop_assert_eq!(&read["eventName"], &Value::String(kind));
        }
    }
}
