//! Who vouches for the demo people?
//!
//! The smallest authorization server that can stand in for the carmaker's: a JWK set, and the
//! password grant (RFC 6749, 4.3) that old apps still use.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use uuid::Uuid;
use vingate::clock;

use crate::fields::Fields;
use crate::people::{self, Person};
use crate::signing::TokenKey;

/// The `iss` that `deploy/leaf/vingate.toml` believes.
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "telematics";
const LIFETIME: u64 = 3600;
/// The `acr` that it calls strong: the demo people have no second factor to lose.
const STRONG: &str = "urn:example:mfa";

/// The issuer: a key, and what it signs.
#[derive(Debug)]
pub(crate) struct Issuer {
    key: TokenKey,
}

impl Issuer {
    /// With a key made now.
    pub(crate) fn new() -> Result<Self> {
        let key = TokenKey::generate("demo-1")?;
        Ok(Self { key })
    }

    /// Its public keys.
    pub(crate) fn jwk_set(&self) -> Result<Value> {
        self.key.jwk_set()
    }

    /// An access token for a person, valid for an hour.
    pub(crate) fn token(&self, person: &Person) -> Result<String> {
        let now = clock::unix_time().as_secs();
        let mut claims = json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": person.subject,
            "client_id": "demo-app",
            "scope": "vehicle.read vehicle.command",
            "jti": Uuid::new_v4().to_string(),
            "iat": now,
            "acr": STRONG,
            "auth_time": now,
            "exp": now.saturating_add(LIFETIME),
        });
        if let (Some(fleet), Some(object)) = (person.fleet, claims.as_object_mut()) {
            object.insert("fleet".to_owned(), json!(fleet));
        }
        self.key.sign(&claims)
    }

    /// Answers a token request (RFC 6749, 5).
    pub(crate) fn grant(&self, form: &Fields) -> (StatusCode, Value) {
        if form.get("grant_type") != Some("password") {
            return refuse("unsupported_grant_type");
        }
        let name = form.get("username").unwrap_or_default();
        let known = people::by_name(name).filter(|p| form.get("password") == Some(p.password));
        let Some(person) = known else {
            return refuse("invalid_grant");
        };
        match self.token(person) {
            Ok(token) => (
                StatusCode::OK,
                json!({"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME}),
            ),
            Err(_) => refuse("server_error"),
        }
    }
}

fn refuse(error: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, json!({"error": error}))
}

/// Its two pages: `GET /jwks` and `POST /token`.
pub(crate) fn pages(issuer: Arc<Issuer>) -> Router {
    Router::new()
        .route("/jwks", get(jwks))
        .route("/token", post(token))
        .with_state(issuer)
}

async fn jwks(State(issuer): State<Arc<Issuer>>) -> Response {
    match issuer.jwk_set() {
        Ok(set) => axum::Json(set).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn token(State(issuer): State<Arc<Issuer>>, body: Bytes) -> Response {
    let (status, answer) = issuer.grant(&Fields::read(&body));
    let no_store = [(header::CACHE_CONTROL, "no-store")]; // RFC 6749, 5.1
    (status, no_store, axum::Json(answer)).into_response()
}
