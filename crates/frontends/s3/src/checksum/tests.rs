//! Tests of claims: right ones, wrong ones, malformed ones.

use dolium_store::Digester;
use http::HeaderName;

use super::*;

type Pairs = Vec<(String, String)>;

fn plan(pairs: &[(&str, &str)]) -> S3Result<Plan> {
    let headers = pairs
        .iter()
        .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), value.parse().unwrap()));
    Plan::of(&headers.collect(), None)
}

fn run(pairs: &[(&str, &str)], body: &[u8]) -> Result<(String, Pairs), String> {
    let plan = plan(pairs).map_err(|error| error.code().as_str().to_owned())?;
    let mut digester = Digester::new(plan.digests());
    digester.update(body);
    let finish = plan.check(&digester.finish(), None);
    let finish = finish.map_err(|error| error.code().as_str().to_owned())?;
    Ok((finish.etag, finish.checksums))
}

#[test]
fn right_claims_pass_and_wrong_ones_do_not() {
    let cases = [
        ("x-amz-checksum-crc32", "y/Q5Jg==", "AAAAAA=="),
        ("x-amz-checksum-crc32c", "4waSgw==", "AAAAAA=="),
        ("x-amz-checksum-crc64nvme", "rosUhgp5mIg=", "AAAAAAAAAAA="),
        (
            "x-amz-checksum-sha1",
            "98O8HYCOBHMq32eZZczDTKeuNEE=",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
        (
            "content-md5",
            "JfnnlDI7RTiF9RgfG2JNCw==",
            "AAAAAAAAAAAAAAAAAAAAAA==",
        ),
    ];
    for (header, right, wrong) in cases {
        // The claimed values are those of the standard check string.
        assert!(run(&[(header, right)], b"123456789").is_ok(), "{header}");
        assert_eq!(
            run(&[(header, wrong)], b"123456789"),
            Err("BadDigest".into()),
            "{header}"
        );
    }
}

#[test]
fn malformed_claims() {
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("x-amz-checksum-crc32", "!!")], "BadDigest"),
        (&[("x-amz-checksum-crc32", "AAAA")], "BadDigest"),
        (&[("content-md5", "AAAA")], "InvalidDigest"),
        (
            &[
                ("x-amz-checksum-crc32", "AAAAAA=="),
                ("x-amz-checksum-crc32c", "AAAAAA=="),
            ],
            "InvalidRequest",
        ),
        (
            &[("x-amz-sdk-checksum-algorithm", "CRC32")],
            "InvalidRequest",
        ),
        (&[("x-amz-trailer", "x-amz-meta-a")], "InvalidRequest"),
    ];
    for (headers, code) in cases {
        assert_eq!(run(headers, b""), Err(code.into()), "{headers:?}");
    }
}

#[test]
fn an_announced_trailer_must_come() {
    let result = run(&[("x-amz-trailer", "x-amz-checksum-crc32")], b"");
    assert_eq!(result, Err("MalformedTrailerError".into()));
}

#[test]
fn without_a_claim_crc64nvme_is_kept() {
    let (etag, checksums) = run(&[], b"123456789").unwrap();
    assert_eq!(etag, "25f9e794323b453885f5181f1b624d0b");
    assert_eq!(checksums[0], ("crc64nvme".into(), "rosUhgp5mIg=".into()));
    assert_eq!(checksums[1], (TYPE.into(), FULL_OBJECT.into()));
}

#[test]
fn parts_keep_to_the_algorithm_of_their_upload() {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-checksum-crc32", "AAAAAA==".parse().unwrap());
    assert!(Plan::of(&headers, Some(Algorithm::Crc32)).is_ok());
    assert!(Plan::of(&headers, Some(Algorithm::Sha1)).is_err());
    let both = Plan::of(&headers, None)
        .unwrap()
        .also(Algorithm::Crc64Nvme)
        .digests();
    assert!(both.crc32 && both.crc64nvme && both.md5 && !both.sha256);
}

#[test]
fn opaque_etags_cost_no_md5_and_are_none() {
    let opaque = |pairs| plan(pairs).unwrap().tagged(Etags::Opaque);
    let finish = |plan: &Plan| {
        let mut digester = Digester::new(plan.digests());
        digester.update(b"123456789");
        plan.check(&digester.finish(), None)
    };
    let free = opaque(&[]);
    assert!(!free.digests().md5);
    let (first, second) = (finish(&free).unwrap(), finish(&free).unwrap());
    assert_ne!(first.etag, second.etag);
    assert!(first.etag.len() == 34 && first.etag.ends_with("-1"));
    assert_eq!(first.checksums[0].1, "rosUhgp5mIg=");
    // Who sends an MD5 has it checked, and gets it back.
    let claimed = opaque(&[("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==")]);
    let etag = finish(&claimed).unwrap().etag;
    assert_eq!(etag, "25f9e794323b453885f5181f1b624d0b");
    let wrong = opaque(&[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")]);
    assert_eq!(finish(&wrong).unwrap_err().code().as_str(), "BadDigest");
}
