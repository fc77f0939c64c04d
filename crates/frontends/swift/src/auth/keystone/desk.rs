//! The requests of version 3, and who may make them.

use dolium_identity::{Identity, Principal, Role, Secret, constant_time_eq};
use dolium_store::{Instant, Store};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::fault::Fault;
use super::request::{Claim, LEN_MAX, Login, Scope, Who};
use super::token::{LIFETIME, ScopedToken};
use super::words;
use crate::answer::{bare, document, set};
use crate::auth::token::TokenKey;
use crate::body::{self, Body, Waiting};
use crate::query::Query;

type Result<T> = std::result::Result<T, Fault>;

/// The header of the token that a request is about.
const SUBJECT: &str = "x-subject-token";

/// What answering needs.
pub(crate) struct Desk<'a> {
    pub(crate) store: &'a Store,
    pub(crate) identity: &'a Identity,
    pub(crate) key: &'a TokenKey,
    /// Where this server is, as the client sees it.
    pub(crate) base: String,
}

/// Somebody who proved to be who they are, and the access key that it was proved with.
struct Proven {
    user: Principal,
    secret: Secret,
    access_key: String,
    /// The token that it was proved with.
    token: Option<ScopedToken>,
}

/// A request, as far as it matters here.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: Query,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Waiting,
}

impl Desk<'_> {
    /// Answers `/`: the versions there are.
    pub(crate) fn versions(&self) -> Response<Body> {
        let said = json!({"versions": {"values": [words::version(&self.base)]}});
        let mut headers = HeaderMap::new();
        set(&mut headers, "location", format!("{}/v3/", self.base));
        set(&mut headers, "vary", "X-Auth-Token");
        let status = StatusCode::MULTIPLE_CHOICES;
        document(status, headers, "application/json", said.to_string())
    }

    /// Answers a request below `/v3`.
    pub(crate) async fn answer(&self, asked: Asked<'_>) -> Response<Body> {
        let answered = self.route(asked).await;
        answered.unwrap_or_else(|fault| fault.answer(&self.base))
    }

    async fn route(&self, asked: Asked<'_>) -> Result<Response<Body>> {
        let words: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
        let reads = matches!(*asked.method, Method::GET | Method::HEAD);
        let words = words.get(1..).unwrap_or_default();
        match words {
            ["auth", "tokens"] => return self.tokens(asked).await,
            [] if reads => return Ok(said(json!({"version": words::version(&self.base)}))),
            _ => {}
        }
        let known = matches!(
            words,
            [] | ["auth", "projects" | "catalog" | "domains"]
                | ["projects" | "domains"]
                | ["projects" | "domains" | "users", _]
                | ["users", _, "projects"]
        );
        if !known {
            return Err(Fault::not_found());
        }
        if !reads {
            return Err(match words {
                ["auth", ..] | [] => Fault::no_such_method(),
                // Users and accounts are made by `dolium user`.
                _ => Fault::new(StatusCode::NOT_IMPLEMENTED, "This server does not do that."),
            });
        }
        let (token, user) = self.caller(asked.headers).await?;
        self.show(words, &asked.query, &token, &user).await
    }

    /// What somebody may know.
    async fn show(
        &self,
        words: &[&str],
        query: &Query,
        token: &ScopedToken,
        user: &Principal,
    ) -> Result<Response<Body>> {
        let base = &self.base;
        let list = |name: &str, items: Vec<Value>| {
            let links = json!({"self": format!("{base}/v3/{}", words.join("/")), "next": null, "previous": null});
            let mut list = json!({"links": links});
            list[name] = Value::Array(items);
            said(list)
        };
        let projects = || {
            list(
                "projects",
                vec![words::project_resource(base, &user.account)],
            )
        };
        Ok(match words {
            ["auth", "catalog"] => {
                let project = token.project.as_ref().ok_or_else(Fault::forbidden)?;
                list(
                    "catalog",
                    words::catalog(base, project)
                        .as_array()
                        .cloned()
                        .unwrap_or_default(),
                )
            }
            ["domains"] => list("domains", vec![words::domain_resource(base)]),
            // Nobody has a role in a domain.
            ["auth", "domains"] => list("domains", Vec::new()),
            ["domains", id] if *id == super::request::DOMAIN.0 => {
                said(json!({"domain": words::domain_resource(base)}))
            }
            ["auth", "projects"] => projects(),
            ["projects"] => match query.given("name") {
                Some(name) if self.may_use(user, name).await? => {
                    list("projects", vec![words::project_resource(base, name)])
                }
                Some(_) => list("projects", Vec::new()),
                None => projects(),
            },
            ["projects", id] => {
                let id = crate::target::unquote(id).map_err(|_| Fault::not_found())?;
                if !self.may_use(user, &id).await? {
                    return Err(Fault::not_found());
                }
                said(json!({"project": words::project_resource(base, &id)}))
            }
            ["users", id, ..] if !names(user, id) => return Err(Fault::forbidden()),
            ["users", _, "projects"] => projects(),
            ["users", _] => said(json!({"user": words::user_resource(base, user)})),
            _ => return Err(Fault::not_found()),
        })
    }

    /// Who asks.
    async fn caller(&self, headers: &HeaderMap) -> Result<(ScopedToken, Principal)> {
        let token = headers
            .get("x-auth-token")
            .ok_or_else(Fault::unauthorized)?;
        let found = self.open(token.as_bytes()).await?;
        found.ok_or_else(Fault::unauthorized)
    }

    async fn open(&self, token: &[u8]) -> Result<Option<(ScopedToken, Principal)>> {
        Ok(ScopedToken::open(self.key, self.identity, token, Instant::now().0).await?)
    }

    /// Answers a request about tokens.
    async fn tokens(&self, asked: Asked<'_>) -> Result<Response<Body>> {
        match *asked.method {
            Method::POST => return self.sign_in(asked.body, &asked.query).await,
            Method::GET | Method::HEAD | Method::DELETE => {}
            _ => return Err(Fault::no_such_method()),
        }
        let (_, caller) = self.caller(asked.headers).await?;
        let subject = asked.headers.get(SUBJECT).ok_or_else(Fault::not_found)?;
        let found = self.open(subject.as_bytes()).await?;
        let (token, user) = found.ok_or_else(Fault::not_found)?;
        let own = caller.user_id == user.user_id || caller.owns_all();
        let validates = caller.role == Role::Service && *asked.method != Method::DELETE;
        if !own && !validates {
            return Err(Fault::forbidden());
        }
        if *asked.method == Method::DELETE {
            self.identity.revoke_token(&token.mark, LIFETIME).await?;
            self.store.flush().await.map_err(|error| {
                tracing::error!(%error, "a revocation could not be made durable");
                Fault::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The token may not be revoked yet. Try again.",
                )
            })?;
            return Ok(bare(StatusCode::NO_CONTENT, HeaderMap::new()));
        }
        let with_catalog = !asked.query.has("nocatalog");
        let body = words::token(&self.base, &token, &user, with_catalog);
        Ok(token_answer(StatusCode::OK, subject.as_bytes(), &body))
    }

    /// Answers a login.
    async fn sign_in(&self, body: Waiting, query: &Query) -> Result<Response<Body>> {
        let bytes = body::document(body.open(), LEN_MAX).await;
        let bytes = bytes.map_err(|_| Fault::bad("The body broke off"))?;
        let too_large = || Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "Request is too large.");
        let login = Login::parse(&bytes.ok_or_else(too_large)?)?;
        let proven = self.prove(&login).await?;
        let project = match login.scope {
            Scope::Nothing => None,
            Scope::Own => Some(proven.user.account.clone()),
            Scope::Project(project) => {
                if !self.may_use(&proven.user, &project).await? {
                    return Err(Fault::unauthorized());
                }
                Some(project)
            }
        };
        let mut token = ScopedToken::new(proven.access_key, Instant::now().0);
        token.methods = login.claim.method() as u8;
        token.project = project;
        if let Some(before) = proven.token {
            // A token that leads to another one lends it its methods, and does not make it live longer.
            token.methods |= before.methods;
            token.mark.ends = before.mark.ends;
        }
        let text = token.seal(self.key, &proven.secret);
        let with_catalog = !query.has("nocatalog");
        let body = words::token(&self.base, &token, &proven.user, with_catalog);
        Ok(token_answer(StatusCode::CREATED, text.as_bytes(), &body))
    }

    /// Whether a user has a role in a project.
    async fn may_use(&self, user: &Principal, project: &str) -> Result<bool> {
        if user.account == project {
            return Ok(true);
        }
        Ok(user.owns_all() && self.identity.has_account(project).await?)
    }

    async fn prove(&self, login: &Login) -> Result<Proven> {
        let found = match &login.claim {
            Claim::Token(text) => {
                let found = self.open(text.as_bytes()).await?;
                let (token, user) = found.ok_or_else(Fault::unauthorized)?;
                let key = self.identity.lookup(&token.mark.access_key).await?;
                let (_, secret) = key.ok_or_else(Fault::unauthorized)?;
                return Ok(Proven {
                    user,
                    secret,
                    access_key: token.mark.access_key.clone(),
                    token: Some(token),
                });
            }
            Claim::Credential { id, secret } => {
                let found = self.identity.lookup(id).await?;
                let found = found.map(|(user, known)| (user, known, id.clone()));
                found.filter(|(_, known, _)| is_same(known, secret))
            }
            Claim::Password { user, secret } => match user {
                Who::Id(id) => {
                    let user = self.identity.by_canonical_id(id).await?;
                    let name = user.map(|user| user.name).unwrap_or_default();
                    self.identity.sign_in_by_any_key(&name, secret).await?
                }
                Who::Name(name) => self.by_name(name, secret, &login.scope).await?,
            },
        };
        let (user, secret, access_key) = found.ok_or_else(Fault::unauthorized)?;
        Ok(Proven {
            user,
            secret,
            access_key,
            token: None,
        })
    }

    /// A user by name: the login of that name in the project, else an access key or a login written out,
    /// else a user of this server with any of its keys.
    async fn by_name(
        &self,
        name: &str,
        secret: &str,
        scope: &Scope,
    ) -> Result<Option<(Principal, Secret, String)>> {
        if let Scope::Project(project) = scope {
            let found = self.identity.sign_in(project, name).await?;
            let found = found.filter(|(_, known, _)| is_same(known, secret));
            if let Some((user, known, key)) = found {
                return Ok(Some(((*user).clone(), known, key)));
            }
        }
        let found = self.identity.lookup(name).await?;
        if let Some((user, known)) = found.filter(|(_, known)| is_same(known, secret)) {
            return Ok(Some((user, known, name.to_owned())));
        }
        Ok(self.identity.sign_in_by_any_key(name, secret).await?)
    }
}

fn is_same(known: &Secret, secret: &str) -> bool {
    constant_time_eq(known.expose().as_bytes(), secret.as_bytes())
}

/// Whether an element of a path is this user's id.
fn names(user: &Principal, element: &str) -> bool {
    crate::target::unquote(element).is_ok_and(|id| id == user.canonical_id)
}

fn said(value: Value) -> Response<Body> {
    let mut headers = HeaderMap::new();
    set(&mut headers, "vary", "X-Auth-Token");
    document(
        StatusCode::OK,
        headers,
        "application/json",
        value.to_string(),
    )
}

fn token_answer(status: StatusCode, token: &[u8], body: &Value) -> Response<Body> {
    let mut headers = HeaderMap::new();
    set(&mut headers, SUBJECT, token);
    set(&mut headers, "vary", "X-Auth-Token");
    document(status, headers, "application/json", body.to_string())
}
