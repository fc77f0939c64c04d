//! What a login of version 3 says, read from its JSON.
//!
//! Promises: what does not parse is refused; what is not understood besides is ignored, as Keystone does.

use serde::Deserialize;
use serde_json::Value;

use super::fault::Fault;
use super::token::Method;

/// The longest request: names and secrets are a few hundred bytes.
pub(super) const LEN_MAX: usize = 16 << 10;
/// Names and secrets longer than this are none.
const WORD_LEN_MAX: usize = 1024;
/// The only domain, as id and as name.
pub(super) const DOMAIN: (&str, &str) = ("default", "Default");

/// A login.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) claim: Claim,
    pub(super) scope: Scope,
}

/// Who somebody says to be, and the proof.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// A user by id or name, and a secret.
    Password { user: Who, secret: String },
    /// Another token.
    Token(String),
    /// An access key and its secret.
    Credential { id: String, secret: String },
}

impl Claim {
    /// The method.
    pub(super) fn method(&self) -> Method {
        match self {
            Self::Password { .. } => Method::Password,
            Self::Token(_) => Method::Token,
            Self::Credential { .. } => Method::ApplicationCredential,
        }
    }
}

/// A user.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Who {
    Id(String),
    Name(String),
}

/// What the token is to be for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nothing was said: the user's own project.
    Own,
    /// This project.
    Project(String),
    /// Nothing: a token to look around with.
    Nothing,
}

#[derive(Deserialize)]
struct Body {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    identity: Identity,
    scope: Option<WrittenScope>,
}

#[derive(Deserialize)]
struct Identity {
    methods: Vec<String>,
    password: Option<Password>,
    token: Option<Named>,
    application_credential: Option<Credential>,
}

#[derive(Deserialize)]
struct Password {
    user: User,
}

#[derive(Deserialize)]
struct User {
    id: Option<String>,
    name: Option<String>,
    domain: Option<Named>,
    password: Option<String>,
}

#[derive(Deserialize)]
struct Credential {
    id: Option<String>,
    name: Option<String>,
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
    name: Option<String>,
    domain: Option<Box<Named>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenScope {
    Word(String),
    Of {
        project: Option<Named>,
        domain: Option<Value>,
        system: Option<Value>,
    },
}

impl Login {
    /// Reads a request.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let body: Body = serde_json::from_slice(bytes).map_err(|error| {
            Fault::bad(format!(
                "Expecting to find valid JSON in request body: {error}"
            ))
        })?;
        let Auth { identity, scope } = body.auth;
        let scope = scope.map_or(Ok(Scope::Own), read_scope)?;
        let [method] = identity.methods.as_slice() else {
            return Err(Fault::unauthorized());
        };
        let method = Method::ALL.into_iter().find(|known| known.name() == method);
        let claim = match method {
            Some(Method::Password) => identity.password.map(password).transpose()?,
            Some(Method::Token) => {
                let id = identity.token.and_then(|token| token.id);
                id.map(Claim::Token)
            }
            Some(Method::ApplicationCredential) => {
                identity.application_credential.and_then(credential)
            }
            None => return Err(Fault::unauthorized()),
        };
        let claim = claim.ok_or_else(|| Fault::bad("The method of the login has no data"))?;
        if matches!(claim, Claim::Credential { .. }) && scope != Scope::Own {
            // It has its project already.
            return Err(Fault::unauthorized());
        }
        Ok(Self { claim, scope })
    }
}

fn password(password: Password) -> Result<Claim, Fault> {
    let User {
        id,
        name,
        domain,
        password,
    } = password.user;
    let secret = password.ok_or_else(|| Fault::bad("The user has no password"))?;
    let user = match (id, name) {
        (Some(id), _) => Who::Id(short(id)?),
        (None, Some(name)) => {
            check_domain(domain)?;
            Who::Name(short(name)?)
        }
        (None, None) => return Err(Fault::bad("The user has neither id nor name")),
    };
    Ok(Claim::Password {
        user,
        secret: short(secret)?,
    })
}

fn credential(credential: Credential) -> Option<Claim> {
    let id = credential.id.or(credential.name)?;
    let secret = credential.secret?;
    Some(Claim::Credential {
        id: short(id).ok()?,
        secret: short(secret).ok()?,
    })
}

fn read_scope(scope: WrittenScope) -> Result<Scope, Fault> {
    match scope {
        WrittenScope::Word(word) if word == "unscoped" => Ok(Scope::Nothing),
        WrittenScope::Word(_) => Err(Fault::bad("The scope is not known")),
        WrittenScope::Of {
            project: Some(Named { id, name, domain }),
            ..
        } => {
            if id.is_none() {
                check_domain(domain.map(|domain| *domain))?;
            }
            let project = id.or(name);
            let project =
                project.ok_or_else(|| Fault::bad("The project has neither id nor name"))?;
            Ok(Scope::Project(short(project)?))
        }
        // Nobody has a role in a domain or over the system.
        WrittenScope::Of { domain, system, .. } if domain.is_some() || system.is_some() => {
            Err(Fault::unauthorized())
        }
        WrittenScope::Of { .. } => Ok(Scope::Own),
    }
}

/// There is one domain; who names another one is nobody here.
fn check_domain(domain: Option<Named>) -> Result<(), Fault> {
    let Some(domain) = domain else { return Ok(()) };
    let known = match (&domain.id, &domain.name) {
        (Some(id), _) => id == DOMAIN.0,
        (None, Some(name)) => name.eq_ignore_ascii_case(DOMAIN.1),
        (None, None) => true,
    };
    known.then_some(()).ok_or_else(Fault::unauthorized)
}

fn short(word: String) -> Result<String, Fault> {
    match word.len() <= WORD_LEN_MAX {
        true => Ok(word),
        false => Err(Fault::unauthorized()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(value: &Value) -> Result<Login, u16> {
        Login::parse(value.to_string().as_bytes()).map_err(|fault| fault.status.as_u16())
    }

    fn by_password(user: &Value, scope: &Value) -> Value {
        json!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}})
    }

    #[test]
    fn logins() {
        let user = json!({"name": "ada", "domain": {"name": "Default"}, "password": "x"});
        let project = json!({"project": {"name": "home", "domain": {"id": "default"}}});
        let login = parse(&by_password(&user, &project)).unwrap();
        assert_eq!(login.scope, Scope::Project("home".to_owned()));
        let claim = Claim::Password {
            user: Who::Name("ada".to_owned()),
            secret: "x".to_owned(),
        };
        assert_eq!(login.claim, claim);
        assert_eq!(
            parse(&by_password(&user, &Value::Null)).unwrap().scope,
            Scope::Own
        );
        let unscoped = parse(&by_password(&user, &json!("unscoped"))).unwrap();
        assert_eq!(unscoped.scope, Scope::Nothing);
        let by_id = json!({"id": "7", "password": "x"});
        assert!(parse(&by_password(&by_id, &json!({"project": {"id": "home"}}))).is_ok());
        let elsewhere = json!({"name": "ada", "domain": {"name": "Other"}, "password": "x"});
        assert_eq!(parse(&by_password(&elsewhere, &project)), Err(401));
        assert_eq!(
            parse(&by_password(&json!({"name": "ada"}), &project)),
            Err(400)
        );
        assert_eq!(
            parse(&by_password(&user, &json!({"system": {"all": true}}))),
            Err(401)
        );
        assert_eq!(parse(&json!({})), Err(400));
    }

    #[test]
    fn credentials_and_tokens() {
        let identity = |method: &str, data: Value| {
            let mut identity = json!({"methods": [method]});
            identity[method] = data;
            json!({"auth": {"identity": identity}})
        };
        // An old rclone adds an empty user.
        let data = json!({"id": "AKIA", "secret": "s", "user": {}});
        let login = parse(&identity("application_credential", data)).unwrap();
        assert!(matches!(login.claim, Claim::Credential { .. }));
        let mut scoped = identity("application_credential", json!({"id": "a", "secret": "s"}));
        scoped["auth"]["scope"] = json!({"project": {"id": "home"}});
        assert_eq!(parse(&scoped), Err(401));
        let login = parse(&identity("token", json!({"id": "t"}))).unwrap();
        assert_eq!(login.claim, Claim::Token("t".to_owned()));
        assert_eq!(parse(&identity("totp", json!({}))), Err(401));
        assert_eq!(parse(&identity("token", json!({}))), Err(400));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(text in "[\\[\\]{}\":,a-z0-9 ]{0,200}") {
            let _ = Login::parse(text.as_bytes());
        }

        #[test]
        fn what_looks_right_and_is_not_is_refused(
            key in "methods|password|token|scope|user|name|id|domain",
            value in prop_oneof![
                Just(json!(null)), Just(json!(1)), Just(json!("x")), Just(json!([])), Just(json!({})),
                Just(json!(["password"])), Just(json!({"user": {"name": {}}})), Just(json!([[[["x"]]]])),
            ],
        ) {
            let mut identity = json!({"methods": ["password"], "password": {"user": {"name": "a", "password": "b"}}});
            identity[&key] = value.clone();
            let mut body = json!({"auth": {"identity": identity}});
            body["auth"][&key] = value;
            let _ = parse(&body);
        }
    }
}
