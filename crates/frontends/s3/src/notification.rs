//! The notification configuration of a bucket: which events go to which target.
//!
//! Queues, topics and functions are one thing here, a target that the administrator configured; its
//! name is the last part of the ARN. Beside the configuration itself its rules are kept in the form
//! that the notifier reads.
//!
//! Promises: what is accepted is sent; events that never happen here, targets that do not exist and
//! filters that cannot be met are refused.
//! Does not: send a test event.

use std::collections::BTreeSet;

use dolium_notify::{RULES_MAX, Rule, is_event, rules_setting, target_of};
use dolium_store::access::Action;
use s3s::dto::{
    Event, GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput,
    NotificationConfiguration, NotificationConfigurationFilter,
    PutBucketNotificationConfigurationInput, PutBucketNotificationConfigurationOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::Api;
use crate::auth::caller;
use crate::error::refuse;
use crate::names::container;
use crate::setting;

/// The configuration as S3 words it.
const KEY: &str = "notification";
/// The longest name of a configuration, as on AWS.
const ID_LEN_MAX: usize = 255;
/// The longest prefix and suffix: no key is longer.
const FILTER_LEN_MAX: usize = 1024;

/// PutBucketNotificationConfiguration. An empty configuration switches notification off.
pub(crate) async fn put(
    api: &Api,
    request: S3Request<PutBucketNotificationConfigurationInput>,
) -> S3Result<S3Response<PutBucketNotificationConfigurationOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let bucket = container(&input.bucket)?;
    let mut configuration = input.notification_configuration;
    let known = match input.skip_destination_validation {
        Some(true) => None,
        _ => Some(&api.notify_targets[..]),
    };
    let rules = check(&mut configuration, known)?;
    let text = match rules.as_slice() {
        [] => None,
        _ => Some(setting::to_text(&configuration)?),
    };
    let changes = vec![setting::change(KEY, text), rules_setting(&rules)];
    let action = Action::PutBucketNotification;
    setting::set(api, &caller, action, &bucket, changes).await?;
    Ok(S3Response::new(PutBucketNotificationConfigurationOutput {}))
}

/// GetBucketNotificationConfiguration.
pub(crate) async fn get(
    api: &Api,
    request: S3Request<GetBucketNotificationConfigurationInput>,
) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
    let caller = caller(&request)?;
    let (action, bucket) = (Action::GetBucketNotification, &request.input.bucket);
    let found = setting::load(api, &caller, action, bucket, KEY).await?;
    let found: NotificationConfiguration = found.unwrap_or_default();
    Ok(S3Response::new(GetBucketNotificationConfigurationOutput {
        event_bridge_configuration: found.event_bridge_configuration,
        lambda_function_configurations: found.lambda_function_configurations,
        queue_configurations: found.queue_configurations,
        topic_configurations: found.topic_configurations,
    }))
}

fn invalid(message: impl Into<String>) -> S3Error {
    refuse(S3ErrorCode::InvalidArgument, message.into())
}

/// Names the configurations that have no name, checks all of them and makes their rules. `known` are the
/// targets that exist, `None` when that is not to be checked.
fn check(
    configuration: &mut NotificationConfiguration,
    known: Option<&[String]>,
) -> S3Result<Vec<Rule>> {
    if configuration.event_bridge_configuration.is_some() {
        let message = "Notification by EventBridge is not implemented";
        return Err(refuse(S3ErrorCode::NotImplemented, message));
    }
    let mut rules = Rules {
        known,
        ids: BTreeSet::new(),
        made: Vec::new(),
    };
    for queue in configuration.queue_configurations.iter_mut().flatten() {
        rules.add(
            &mut queue.id,
            &queue.queue_arn,
            &queue.events,
            queue.filter.as_ref(),
        )?;
    }
    for topic in configuration.topic_configurations.iter_mut().flatten() {
        rules.add(
            &mut topic.id,
            &topic.topic_arn,
            &topic.events,
            topic.filter.as_ref(),
        )?;
    }
    for function in configuration
        .lambda_function_configurations
        .iter_mut()
        .flatten()
    {
        let (arn, filter) = (&function.lambda_function_arn, function.filter.as_ref());
        rules.add(&mut function.id, arn, &function.events, filter)?;
    }
    Ok(rules.made)
}

/// Rules in the making.
struct Rules<'a> {
    known: Option<&'a [String]>,
    ids: BTreeSet<String>,
    made: Vec<Rule>,
}

impl Rules<'_> {
    fn add(
        &mut self,
        id: &mut Option<String>,
        arn: &str,
        events: &[Event],
        filter: Option<&NotificationConfigurationFilter>,
    ) -> S3Result<()> {
        if self.made.len() == RULES_MAX {
            let message = format!("A bucket has at most {RULES_MAX} notification configurations");
            return Err(invalid(message));
        }
        let id = self.name(id)?;
        let target = self.target(arn)?;
        if events.is_empty() {
            return Err(invalid(
                "A notification configuration names at least one event",
            ));
        }
        for event in events {
            if !is_event(event.as_ref()) {
                let message = format!(
                    "The event is not supported for notifications: {}",
                    event.as_ref()
                );
                return Err(invalid(message));
            }
        }
        let (prefix, suffix) = affixes(filter)?;
        self.made.push(Rule {
            id,
            target,
            events: events
                .iter()
                .map(|event| event.as_ref().to_owned())
                .collect(),
            prefix,
            suffix,
        });
        Ok(())
    }

    /// The name of a configuration, a random one if the client gave none.
    fn name(&mut self, id: &mut Option<String>) -> S3Result<String> {
        let given = id.take().filter(|id| !id.is_empty());
        let name = given.unwrap_or_else(|| hex::encode(rand::random::<[u8; 16]>()));
        if name.len() > ID_LEN_MAX {
            return Err(invalid(
                "The Id of a notification configuration is too long",
            ));
        }
        if !self.ids.insert(name.clone()) {
            return Err(invalid("Same ID used for multiple configurations"));
        }
        *id = Some(name.clone());
        Ok(name)
    }

    fn target(&self, arn: &str) -> S3Result<String> {
        let target = target_of(arn).ok_or_else(|| invalid("The ARN could not be parsed"))?;
        let exists = |known: &[String]| known.iter().any(|name| name == target);
        if self.known.is_some_and(|known| !exists(known)) {
            let message = "Unable to validate the following destination configurations: \
                           the server has no notification target of that name";
            return Err(invalid(message));
        }
        Ok(target.to_owned())
    }
}

/// The prefix and the suffix that a filter asks for.
fn affixes(filter: Option<&NotificationConfigurationFilter>) -> S3Result<(String, String)> {
    let (mut prefix, mut suffix) = (None, None);
    let key = filter.and_then(|filter| filter.key.as_ref());
    for rule in key
        .and_then(|key| key.filter_rules.as_ref())
        .into_iter()
        .flatten()
    {
        let name = rule
            .name
            .as_ref()
            .map(|name| name.as_str().to_ascii_lowercase());
        let (affix, what) = match name.as_deref() {
            Some("prefix") => (&mut prefix, "prefix"),
            Some("suffix") => (&mut suffix, "suffix"),
            _ => return Err(invalid("filter rule name must be either prefix or suffix")),
        };
        let value = rule.value.clone().unwrap_or_default();
        if value.len() > FILTER_LEN_MAX {
            let message = format!("Size of filter rule value cannot exceed {FILTER_LEN_MAX} bytes");
            return Err(invalid(message));
        }
        if affix.replace(value).is_some() {
            let message = format!("Cannot specify more than one {what} rule in a filter.");
            return Err(invalid(message));
        }
    }
    Ok((prefix.unwrap_or_default(), suffix.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use s3s::dto::{
        FilterRule, FilterRuleName, QueueConfiguration, S3KeyFilter, TopicConfiguration,
    };

    use super::*;

    fn queue(events: &[&str], filter: &[(&str, &str)]) -> QueueConfiguration {
        let rule = |(name, value): &(&str, &str)| FilterRule {
            name: Some(FilterRuleName::from((*name).to_owned())),
            value: Some((*value).to_owned()),
        };
        let rules = filter.iter().map(rule).collect();
        QueueConfiguration {
            events: events
                .iter()
                .map(|name| Event::from((*name).to_owned()))
                .collect(),
            filter: Some(NotificationConfigurationFilter {
                key: Some(S3KeyFilter {
                    filter_rules: Some(rules),
                }),
            }),
            id: None,
            queue_arn: "arn:dolium:sqs::hook".to_owned(),
        }
    }

    fn of(queues: Vec<QueueConfiguration>) -> NotificationConfiguration {
        NotificationConfiguration {
            queue_configurations: Some(queues),
            ..NotificationConfiguration::default()
        }
    }

    fn checked(queue: QueueConfiguration) -> Result<Vec<Rule>, String> {
        let checked = check(&mut of(vec![queue]), Some(&["hook".to_owned()]));
        checked.map_err(|error| error.code().as_str().to_owned())
    }

    #[test]
    fn rules_are_made() {
        let made = queue(
            &["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"],
            &[("Prefix", "in/"), ("suffix", ".jpg")],
        );
        let made = checked(made).unwrap();
        assert_eq!((made.len(), made[0].id.len()), (1, 32));
        assert_eq!(
            (made[0].prefix.as_str(), made[0].suffix.as_str()),
            ("in/", ".jpg")
        );
        assert_eq!(made[0].target, "hook");
    }

    #[test]
    fn the_name_that_was_made_up_is_kept() {
        let mut configuration = of(vec![queue(&["s3:ObjectCreated:*"], &[])]);
        let made = check(&mut configuration, None).unwrap();
        let kept = configuration.queue_configurations.unwrap()[0].id.clone();
        assert_eq!(kept, Some(made[0].id.clone()));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let good = ["s3:ObjectCreated:Put"];
        let other = QueueConfiguration {
            queue_arn: "arn:dolium:sqs::other".to_owned(),
            ..queue(&good, &[])
        };
        let named = QueueConfiguration {
            queue_arn: "hook".to_owned(),
            ..queue(&good, &[])
        };
        let long = "x".repeat(2000);
        for bad in [
            queue(&[], &[]),
            queue(&["s3:ObjectAte:*"], &[]),
            queue(&["s3:ObjectRestore:Post"], &[]),
            queue(&good, &[("infix", "a")]),
            queue(&good, &[("prefix", "a"), ("prefix", "b")]),
            queue(&good, &[("suffix", &long)]),
            other.clone(),
            named,
        ] {
            assert_eq!(checked(bad), Err("InvalidArgument".to_owned()));
        }
        assert!(
            check(&mut of(vec![other]), None).is_ok(),
            "unless told not to look"
        );
    }

    #[test]
    fn names_differ_over_all_kinds() {
        let named = QueueConfiguration {
            id: Some("a".to_owned()),
            ..queue(&["s3:ObjectCreated:Put"], &[])
        };
        let mut configuration = of(vec![named]);
        configuration.topic_configurations = Some(vec![TopicConfiguration {
            events: vec![Event::from("s3:ObjectRemoved:*".to_owned())],
            filter: None,
            id: Some("a".to_owned()),
            topic_arn: "arn:dolium:sqs::hook".to_owned(),
        }]);
        assert!(check(&mut configuration, None).is_err());
    }

    #[test]
    fn there_is_a_limit() {
        let many = |count| of(vec![queue(&["s3:ObjectCreated:Put"], &[]); count]);
        assert!(check(&mut many(RULES_MAX), None).is_ok());
        assert!(check(&mut many(RULES_MAX + 1), None).is_err());
    }
}
