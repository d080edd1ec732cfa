//! How is one request judged?
//!
//! The stages in the order of a request, one file each; [`decide`] puts them in order. A stage is a
//! synchronous function from values to `Result<Value, Denial>`: no clock, no I/O, no logging. What a
//! stage needs from outside comes through a trait of [`ports`], awaited by [`decide`] and its [`lookup`]
//! alone.

pub mod ports;
pub mod decide;
pub mod lookup;
pub mod introspection;
pub mod head;
pub mod parameters;
pub mod route;
pub mod retirement;
pub mod switch;
pub mod websocket;
pub mod identity;
pub mod standing;
pub mod rehearsal;
pub mod action;
pub mod vehicle;
pub mod ownership;
pub mod policy;
pub mod result_key;
pub mod quota;
pub mod forward;
pub mod guard;
pub mod notice;
pub mod audit;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use uuid::Uuid;

use crate::config::file::PrincipalKind;
use crate::pipeline::identity::certificate::ClientCertificate;
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::{Authentication, SignIn};
use crate::pipeline::parameters::Parameters;
use crate::pipeline::quota::QuotaStanding;
use crate::pipeline::switch::Situation;

/// The head of a request, read one way only. Made by [`head::read`].
#[derive(Clone)]
pub struct RequestHead {
    /// The gateway's own id of the request, in `X-Request-Id` and every record.
    pub id: Uuid,
    /// When its head was complete, since the Unix epoch. All judgements use this time.
    pub received_at: Duration,
    /// Name of the listener that it came in by.
    pub listener: Arc<str>,
    /// Whether the client reached the listener by TLS.
    pub tls: bool,
    /// The certificate that the client showed in the handshake; whether it counts is asked on each
    /// request.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// Address of the client, after trusted proxies.
    pub address: IpAddr,
    /// As sent; `get` is another method than `GET` (RFC 9110, 9.1).
    pub method: Method,
    /// Lower case, without port.
    pub host: String,
    /// The port that was asked for, where one is named.
    pub port: Option<u16>,
    /// Canonical path, as it was sent and as it is forwarded.
    pub path: String,
    /// Query as sent, without the `?`; forwarded as it is.
    pub query: Option<String>,
    /// The query, read; no name stands twice.
    pub parameters: Parameters,
    /// All fields as sent.
    pub headers: HeaderMap,
    /// Whether its connection can go on in another protocol: it is HTTP/1.1, and nothing was sent
    /// after the head.
    pub switchable: bool,
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Path, query and fields carry VINs and tokens.
        out.debug_struct("RequestHead")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A verified principal. Made by `identity` from a verified certificate, or from a verified token whose
/// sender proved what the token asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// Cedar entity type.
    pub kind: PrincipalKind,
    /// Name of the issuer in the configuration, or of the table of certificates.
    pub issuer: Arc<str>,
    /// `sub`, or the name in the certificate.
    pub subject: String,
    /// `client_id` or `azp`.
    pub client: Option<String>,
    /// `scope`, split.
    pub scopes: Vec<String>,
    /// The fleet that it manages.
    pub fleet: Option<String>,
    /// The tenant that it belongs to; for a technician the dealership.
    pub tenant: Option<String>,
    /// Its roles there.
    pub roles: Vec<String>,
    /// How it signed in.
    pub sign_in: SignIn,
    /// What vouches for it.
    pub credential: Credential,
    /// Keyed HMAC of issuer and subject, for records; computed once a token.
    pub pseudonym: String,
}

impl Principal {
    /// What its sign-in and its token are worth at `now`, since the Unix epoch.
    pub fn authentication(&self, now: Duration) -> Authentication {
        // INVARIANT: nobody becomes a principal by a token that asks for a proof and gets none.
        let bound = self.credential.confirmation.is_asked();
        Authentication {
            bound,
            ..self.sign_in.resolve(now)
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Principal")
            .field("kind", &self.kind)
            .field("issuer", &self.issuer)
            .field("pseudonym", &self.pseudonym)
            .finish_non_exhaustive() // a subject is personal data
    }
}

/// What became known about a request on its way, for its one audit record.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Route, action, principal and vehicle, each once known.
    pub situation: Situation,
    /// What the principal is to it, once looked up.
    pub relation: Option<ownership::Relation>,
    /// What else the policies were asked about, once they were.
    pub judged: Option<policy::recorded::Judged>,
    /// `@id`s of the deciding policies.
    pub policies: Vec<Arc<str>>,
    /// How many policies could not be evaluated.
    pub policy_errors: usize,
    /// The tightest quota charged.
    pub quota: Option<QuotaStanding>,
    /// SHA-256 of a judged body.
    pub body_digest: Option<[u8; 32]>,
    /// Whether who asks is to be given another nonce for their next proof.
    pub nonce_due: bool,
    /// Whether it is the gateway's own question to itself, and nobody's request.
    pub rehearsal: bool,
}
