//! Names of targets as S3 clients write them: `arn:dolium:sqs::<name>`.
//!
//! Clients made for other services bring ARNs of theirs. What counts is the last part, the name under
//! which the administrator configured the target; the parts before it need only look like an ARN.

/// The longest ARN that is looked at.
const ARN_LEN_MAX: usize = 512;

/// The name of the target that an ARN means.
pub fn target_of(arn: &str) -> Option<&str> {
    if arn.len() > ARN_LEN_MAX || arn.chars().any(char::is_control) {
        return None;
    }
    let mut parts = arn.split(':');
    let partition = (parts.next()? == "arn").then(|| parts.next())??;
    let service = parts.next()?;
    let name = parts.next_back()?;
    // Between service and name lies at least the region, empty or not.
    parts.next_back()?;
    let whole = [partition, service, name]
        .iter()
        .all(|part| !part.is_empty());
    whole.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let hook = Some("hook");
        assert_eq!(target_of("arn:dolium:sqs::hook"), hook);
        assert_eq!(target_of("arn:aws:sqs:us-east-1:123456789012:hook"), hook);
        assert_eq!(target_of("arn:minio:sqs::hook"), hook);
        assert_eq!(target_of("arn:aws:lambda:eu-west-1:1:function:hook"), hook);
        for bad in [
            "",
            "hook",
            "arn:hook",
            "arn:aws:hook",
            "arn:aws:sqs:hook",
            "arn:aws:sqs::",
            "arn:::::",
            "arn::sqs::hook",
            "urn:aws:sqs::hook",
            "arn:aws:sqs::ho\nok",
        ] {
            assert_eq!(target_of(bad), None, "{bad}");
        }
        assert_eq!(
            target_of(&format!("arn:aws:sqs::{}", "x".repeat(600))),
            None
        );
    }
}
