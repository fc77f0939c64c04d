//! Signed requests to one bucket.
//!
//! Promises: each attempt is signed anew and has a time limit; transient failures are tried again a
//! few times with a growing pause, or the one that the service asks for; the service's own error code
//! is told; secrets do not show.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqsign_aws_v4::{
    Credential, DefaultCredentialProvider, RequestSigner, StaticCredentialProvider,
};
use reqsign_core::{Context, OsEnv, ProvideCredentialChain, Signer};
use reqsign_file_read_tokio::TokioFileRead;
use reqwest::{Method, Response};

use crate::objects::ObjectKey;
use crate::objects::incoming::answer_of;
use crate::swift::answer::{failed, pause_asked, refused};
use crate::{Error, ErrorKind, Result, Status};

/// Time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a request and the beginning of its answer, without its body.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a service to put an object together from its parts.
pub(super) const JOIN_TIMEOUT: Duration = Duration::from_secs(120);
/// The slowest way out that is waited for, in bytes a second.
const RATE_MIN: u64 = 128 << 10;
/// Attempts after the first.
const RETRIES_MAX: u32 = 3;
/// The first pause between attempts; each doubles.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(200);
/// The longest pause between attempts, whatever the service asks for.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(5);
/// How much of an error's text is read.
const ERROR_LEN_MAX: usize = 16 << 10;

/// What stays as it is in paths and queries.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same, with the slashes of keys.
const PATH: &AsciiSet = &PLAIN.remove(b'/');

/// A way to one bucket.
pub(super) struct Client {
    http: reqwest::Client,
    signer: Signer<Credential>,
    /// Scheme and host, without a slash at the end.
    endpoint: String,
    bucket: String,
    region: String,
    /// What all keys begin with; ends in a slash unless it is empty.
    pub(super) root: String,
    /// Listings come in the order of bytes.
    pub(super) ordered: bool,
    virtual_host: bool,
}

/// One request.
pub(super) struct Asked<'a> {
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) key: Option<&'a ObjectKey>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<Bytes>,
    /// Time to the beginning of the answer, beside that for the body.
    pub(super) patience: Duration,
}

impl<'a> Asked<'a> {
    pub(super) fn of_bucket(operation: &'static str, method: Method) -> Self {
        Self {
            operation,
            method,
            key: None,
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            patience: OPERATION_TIMEOUT,
        }
    }

    pub(super) fn of_object(operation: &'static str, method: Method, key: &'a ObjectKey) -> Self {
        Self {
            key: Some(key),
            ..Self::of_bucket(operation, method)
        }
    }

    fn len(&self) -> u64 {
        self.body.iter().map(|piece| piece.len() as u64).sum()
    }

    fn subject(&self) -> &str {
        self.key.map_or("the bucket", ObjectKey::as_str)
    }
}

fn invalid(why: &str) -> Error {
    Error::new(ErrorKind::Invalid, "provider settings", why)
}

impl Client {
    pub(super) fn of(options: &BTreeMap<String, String>) -> Result<Self> {
        let get = |name: &str| {
            options
                .get(name)
                .map(String::as_str)
                .filter(|value| !value.is_empty())
        };
        let on = |name: &str, default: bool| match get(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(invalid("switches are \"true\" or \"false\"")),
        };
        let region = get("region").unwrap_or("us-east-1").to_owned();
        let endpoint = match get("endpoint") {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://s3.{region}.amazonaws.com"),
        };
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(invalid("s3: endpoints begin with http:// or https://"));
        }
        let root = get("root").unwrap_or_default().trim_matches('/');
        Ok(Self {
            http: http_client()?,
            signer: signer(options, &region),
            endpoint,
            bucket: get("bucket").unwrap_or_default().to_owned(),
            region,
            root: if root.is_empty() {
                String::new()
            } else {
                format!("{root}/")
            },
            ordered: on("ordered_list", true)?,
            virtual_host: on("enable_virtual_host_style", false)?,
        })
    }

    pub(super) fn place(&self) -> String {
        // An address may carry a password.
        let host = self.endpoint.rsplit('@').next().unwrap_or_default();
        let host = host
            .trim_start_matches("http://")
            .trim_start_matches("https://");
        format!("s3://{}/{} at {host}", self.bucket, self.root)
    }

    /// What a new bucket's place is said with; regions other than the first want it.
    pub(super) fn location_constraint(&self) -> Option<String> {
        (self.region != "us-east-1").then(|| {
            let region = &self.region;
            format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            )
        })
    }

    fn address(&self, asked: &Asked<'_>) -> String {
        let (scheme, host) = self
            .endpoint
            .split_once("://")
            .unwrap_or(("https", &self.endpoint));
        let bucket = utf8_percent_encode(&self.bucket, PLAIN);
        let mut address = match self.virtual_host {
            true => format!("{scheme}://{bucket}.{host}/"),
            false => format!("{scheme}://{host}/{bucket}"),
        };
        if let Some(key) = asked.key {
            let slash = if self.virtual_host { "" } else { "/" };
            let root = utf8_percent_encode(&self.root, PATH);
            let key = utf8_percent_encode(key.as_str(), PATH);
            address.push_str(&format!("{slash}{root}{key}"));
        }
        for (at, (name, value)) in asked.query.iter().enumerate() {
            address.push(if at == 0 { '?' } else { '&' });
            address.push_str(&format!("{name}={}", utf8_percent_encode(value, PLAIN)));
        }
        address
    }

    /// Sends a request until it is answered, or no more attempt is left.
    pub(super) async fn send(&self, asked: Asked<'_>) -> Result<Response> {
        let patience = asked.patience + Duration::from_secs(asked.len() / RATE_MIN);
        let mut attempt = 0;
        loop {
            let request = self.signed(&asked).await?;
            let sent = tokio::time::timeout(patience, self.http.execute(request)).await;
            let (error, pause) = match sent {
                Err(_) => (self.late(&asked), None),
                Ok(Err(source)) => (failed(asked.operation, asked.subject(), source), None),
                Ok(Ok(response)) => match refused(asked.operation, asked.subject(), &response) {
                    None => return Ok(response),
                    Some(error) => {
                        let pause = pause_asked(&response);
                        (explained(error, response).await, pause)
                    }
                },
            };
            if error.status() == Status::Permanent || attempt == RETRIES_MAX {
                return Err(error);
            }
            let usual = RETRY_DELAY_MIN * 2u32.pow(attempt);
            tokio::time::sleep(pause.unwrap_or(usual).min(RETRY_DELAY_MAX)).await;
            attempt += 1;
        }
    }

    fn late(&self, asked: &Asked<'_>) -> Error {
        let why = format!("{}: no answer in time", asked.subject());
        Error::new(ErrorKind::Unavailable, asked.operation, why)
    }

    async fn signed(&self, asked: &Asked<'_>) -> Result<reqwest::Request> {
        let unusable = |why: &str| {
            let why = format!("{}: {why}", asked.subject());
            Error::new(ErrorKind::Invalid, asked.operation, why)
        };
        let address: Uri = self
            .address(asked)
            .parse()
            .map_err(|source| unusable("no address can be made of it").with_source(source))?;
        let mut request = http::Request::builder()
            .method(asked.method.clone())
            .uri(address)
            .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        for (name, value) in &asked.headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(())
            .map_err(|source| unusable("a header cannot be sent").with_source(source))?;
        let (mut head, ()) = request.into_parts();
        self.signer.sign(&mut head, None).await.map_err(|source| {
            let why = format!("the request could not be signed: {source}");
            Error::new(ErrorKind::Denied, asked.operation, why)
        })?;
        let bodied = matches!(asked.method, Method::PUT | Method::POST);
        if bodied {
            head.headers
                .insert(http::header::CONTENT_LENGTH, asked.len().into());
        }
        let pieces = asked
            .body
            .clone()
            .into_iter()
            .map(Ok::<Bytes, std::io::Error>);
        let body = match bodied && asked.len() > 0 {
            true => reqwest::Body::wrap_stream(futures::stream::iter(pieces)),
            false => reqwest::Body::default(),
        };
        http::Request::from_parts(head, body)
            .try_into()
            .map_err(|source: reqwest::Error| {
                unusable("it cannot be sent").with_source(source.without_url())
            })
    }
}

/// The client that all requests of one service share.
pub(in crate::objects) fn http_client() -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|source| {
            let error = Error::new(ErrorKind::Unexpected, "provider settings", "no HTTP client");
            error.with_source(source)
        })
}

/// A key in the settings is the key to use; without one, the environment and the profiles of AWS.
fn signer(options: &BTreeMap<String, String>, region: &str) -> Signer<Credential> {
    let context = Context::new().with_file_read(TokioFileRead).with_env(OsEnv);
    let keys = options
        .get("access_key_id")
        .zip(options.get("secret_access_key"));
    let chain = match keys {
        Some((id, secret)) => {
            let provider = StaticCredentialProvider::new(id, secret);
            ProvideCredentialChain::new().push(match options.get("session_token") {
                Some(token) => provider.with_session_token(token),
                None => provider,
            })
        }
        None => {
            let mut provider = DefaultCredentialProvider::builder().no_imds();
            if let Some(profile) = options.get("profile") {
                provider = provider.with_profile(profile);
            }
            ProvideCredentialChain::new().push(provider.build())
        }
    };
    Signer::new(context, chain, RequestSigner::new("s3", region))
}

/// The same error with the code that the service gives, where it gives one.
async fn explained(error: Error, response: Response) -> Error {
    let told = answer_of(error.operation(), error.context(), response, ERROR_LEN_MAX).await;
    let text = told.unwrap_or_default();
    match error_code(&String::from_utf8_lossy(&text)) {
        Some(code) => Error::new(
            error.kind(),
            error.operation(),
            format!("{} ({code})", error.context()),
        )
        .with_status(error.status()),
        None => error,
    }
}

/// The code in an error of S3; they are all of one form, and plain.
pub(super) fn error_code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let plain = !code.is_empty()
        && code.len() < 80
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(more: &[(&str, &str)]) -> Client {
        let mut options = BTreeMap::new();
        for (name, value) in [
            ("bucket", "b"),
            ("endpoint", "http://h:1/"),
            ("access_key_id", "a"),
            ("secret_access_key", "hush"),
        ]
        .iter()
        .chain(more)
        {
            options.insert((*name).to_owned(), (*value).to_owned());
        }
        Client::of(&options).unwrap()
    }

    #[test]
    fn addresses_keep_keys_byte_for_byte() {
        let key = ObjectKey::new("/a//b c+é?#%2F").unwrap();
        let mut asked = Asked::of_object("get", Method::GET, &key);
        asked.query.push(("acl", String::new()));
        let path = "b//a//b%20c%2B%C3%A9%3F%23%252F?acl=";
        assert_eq!(client(&[]).address(&asked), format!("http://h:1/{path}"));
        let hosted = client(&[("enable_virtual_host_style", "true"), ("root", "/r/")]);
        assert!(
            hosted
                .address(&asked)
                .starts_with("http://b.h:1/r//a//b%20c")
        );
        let bucket = Asked::of_bucket("ls", Method::GET);
        assert_eq!(client(&[]).address(&bucket), "http://h:1/b");
    }

    #[tokio::test]
    async fn requests_are_signed_and_show_no_secret() {
        let key = ObjectKey::new("a//../b".replace("..", "c")).unwrap();
        let client = client(&[]);
        let request = client
            .signed(&Asked::of_object("get", Method::GET, &key))
            .await
            .unwrap();
        assert_eq!(request.url().path(), "/b/a//c/b");
        let shown = format!("{request:?}");
        assert!(request.headers().contains_key("authorization") && !shown.contains("hush"));
        assert!(!client.place().contains("hush"));
    }

    #[test]
    fn codes_of_errors_are_found() {
        assert_eq!(
            error_code("<Error><Code>NoSuchKey</Code></Error>"),
            Some("NoSuchKey")
        );
        assert_eq!(error_code("<Code><script></Code>"), None);
        assert_eq!(error_code("nothing"), None);
    }
}
