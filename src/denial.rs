//! Why was a request refused, and what is said about it outside?
//!
//! One closed enum. The public part (status, code, detail) is a function of the variant; the
//! private reason inside a variant goes to the audit record and never to the client.

pub mod answer;
pub mod challenge;
mod accept;
pub mod language;
pub mod words;
pub mod page;
mod grpc;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::pipeline::retirement::Retirement;
use crate::switchboard::Texts;

/// An expected refusal. Closed on purpose: no `Other`, no free text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// Not a well-formed request (400 `malformed-request`).
    Malformed(HeadFlaw),
    /// A request that can be read in two ways (400 `ambiguous-request`).
    Ambiguous(HeadFlaw),
    /// The vehicle is not where the route says it is (400 `vehicle-missing`).
    VehicleMissing,
    /// What stands where the VIN should be is none (400 `vehicle-malformed`).
    VehicleMalformed(VinFlaw),
    /// Copies of the VIN in one request differ (400 `vehicle-ambiguous`).
    VehicleAmbiguous,
    /// No bearer token where the route needs an identity (401 `token-missing`, RFC 6750, 3).
    TokenMissing,
    /// A token that is not accepted (401 `token-invalid`, RFC 6750, 3.1).
    TokenInvalid(TokenFlaw),
    /// It would be allowed after a stronger or more recent sign-in (401 `step-up-required`,
    /// RFC 9470, 3); the values of `acr` that count as strong, separated by spaces.
    StepUpRequired(Arc<str>),
    /// Not yours, no such vehicle, or a policy's no: one answer for all (403 `access-denied`).
    AccessDenied(AccessFlaw),
    /// No route lists this path (404 `route-unknown`).
    RouteUnknown,
    /// A listed path, another method (405 `method-not-allowed`); the value of `Allow`.
    MethodNotAllowed(String),
    /// The request did not arrive in time (408 `request-timeout`).
    RequestTimeout,
    /// The body is larger than its route allows (413 `body-too-large`).
    BodyTooLarge,
    /// The request target is longer than allowed (414 `uri-too-long`).
    UriTooLong,
    /// A body that has to be judged and can't be read (415 `body-type-unsupported`).
    BodyTypeUnsupported,
    /// The header section is larger than allowed (431 `header-too-large`).
    HeaderTooLarge,
    /// A quota is used up, or an address floods (429 `quota-exceeded`).
    QuotaExceeded(QuotaRefusal),
    /// This entrance, client, subject or vehicle is closed (503 `closed`).
    Closed(ClosedBy),
    /// A command where only reads are let through (503 `read-only`).
    ReadOnly(ClosedBy),
    /// More work than the gateway takes (503 `overloaded`).
    Overloaded,
    /// A fact that the decision needs can't be had (503 `dependency-unavailable`).
    DependencyUnavailable(Dependency),
    /// Gone for good, as was announced (410 `retired`).
    Retired(Arc<Retirement>),
    /// The upstream failed (502 `upstream-failed`).
    UpstreamFailed,
    /// The upstream did not answer in time (504 `upstream-timeout`).
    UpstreamTimeout,
    /// The upstream's answer can't be let through (502 `response-withheld`).
    ResponseWithheld(ResponseFlaw),
}

/// What is wrong with the head or the framing of a request (private; goes to the record).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name is the flaw's text in the record")]
pub enum HeadFlaw {
    HostMissing,
    HostMalformed,
    PathNotCanonical,
    PathEncoding,
    PathSegment,
    QueryEncoding,
    QueryDuplicate,
    QueryName,
    QuerySeparator,
    HeaderDuplicate,
    HeaderValue,
    Framing,
    BodyOnSafeMethod,
    BodyEncoding,
    BodyDuplicate,
    BodySyntax,
    BodyIncomplete,
    ContentEncoding,
    VersionUnsupported,
    Syntax,
    ActionMissing,
    ActionUnknown,
    ResultKey,
    Handshake,
    Frame,
}

/// Why a string is not the VIN of a vehicle that can be asked for (private).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name is the flaw's text in the record")]
pub enum VinFlaw {
    Length,
    Alphabet,
    CheckDigit,
}

/// Why a token, or a client's certificate, is refused (private).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name is the flaw's text in the record")]
pub enum TokenFlaw {
    HeaderDuplicate,
    SchemeUnknown,
    TooLong,
    Malformed,
    HeaderForbidden,
    WrongType,
    WrongAlgorithm,
    UnknownIssuer,
    UnknownKey,
    KeysMissing,
    KeysTooOld,
    BadSignature,
    WrongAudience,
    Expired,
    NotYetValid,
    ClaimMissing,
    ClaimMalformed,
    LifetimeTooLong,
    ProofMissing,
    Revoked,
    ProofDuplicate,
    ProofTooLong,
    ProofMalformed,
    ProofHeader,
    ProofType,
    ProofAlgorithm,
    ProofKey,
    ProofOfOtherKey,
    ProofSignature,
    ProofClaimMissing,
    ProofClaimMalformed,
    ProofMethod,
    ProofTarget,
    ProofStale,
    ProofEarly,
    ProofOfOtherToken,
    ProofNonceMissing,
    ProofNonceStale,
    ProofReplayed,
    BoundAsBearer,
    UnboundAsDpop,
    NotBound,
    Inactive,
    PrincipalUnknown,
    InQuery,
    InCookie,
    InForm,
    TokenForeign,
    CredentialAmbiguous,
    CertificateMissing,
    CertificateUnknown,
    CertificateRevoked,
    CertificateExpired,
    RevocationUnknown,
    CertificateNameless,
    CertificateAmbiguous,
    CertificateMismatch,
}

/// Why access is denied (private: outside they all look alike).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessFlaw {
    /// No policy permits it (the vehicle's existence makes no difference).
    NotPermitted,
    /// The directory doesn't know the vehicle; judged like a foreign one, then refused.
    UnknownVehicle,
    /// A policy forbids it.
    Forbidden,
    /// A policy could not be evaluated: an error is a no.
    PolicyError,
    /// A poll with a key that was not given out to who polls for that vehicle.
    ResultKeyUnknown,
    /// A page of another origin began a WebSocket.
    ForeignOrigin,
    /// The gateway's own question to itself, which no switch refused.
    Rehearsal,
}

/// A refused charge, as the answer's `RateLimit` fields need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRefusal {
    /// Name of the quota policy in the configuration; `door` for the address limit.
    pub policy: Arc<str>,
    /// Units a window; `None` for the door, which doesn't state its limit.
    pub quota: Option<u64>,
    /// Length of the window.
    pub window: Duration,
    /// When one unit is available again.
    pub retry_after: Duration,
}

/// What closed it, and what users are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedBy {
    /// Private: the closure's id, `route-off` for one that its route file keeps off, or
    /// `cold-start-SURFACE`.
    pub closure: Arc<str>,
    /// Public texts by language, if the operator or the route gives any.
    pub texts: Arc<Texts>,
    /// Time until its end, if it has one.
    pub remaining: Option<Duration>,
}

/// Which dependency is missing (private).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each name is the dependency's name in the record"
)]
pub enum Dependency {
    Directory,
    UsedProofs,
    ResultKeys,
    Revocations,
    Introspection,
    Ledger,
    Audit,
    Assertion,
}

/// Why an upstream's answer is withheld (private).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name is the flaw's text in the record")]
pub enum ResponseFlaw {
    Encoded,
    UpgradeRefused,
    HandshakeFailed,
    Frame,
}

impl Denial {
    /// Status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_)
            | Self::Ambiguous(_)
            | Self::VehicleMissing
            | Self::VehicleMalformed(_)
            | Self::VehicleAmbiguous => StatusCode::BAD_REQUEST,
            Self::TokenMissing | Self::TokenInvalid(_) | Self::StepUpRequired(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::AccessDenied(_) => StatusCode::FORBIDDEN,
            Self::RouteUnknown => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::BodyTypeUnsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::HeaderTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::QuotaExceeded(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Closed(_)
            | Self::ReadOnly(_)
            | Self::Overloaded
            | Self::DependencyUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Retired(_) => StatusCode::GONE,
            Self::UpstreamFailed | Self::ResponseWithheld(_) => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The stable public code, the tail of the problem's `type`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed-request",
            Self::Ambiguous(_) => "ambiguous-request",
            Self::VehicleMissing => "vehicle-missing",
            Self::VehicleMalformed(_) => "vehicle-malformed",
            Self::VehicleAmbiguous => "vehicle-ambiguous",
            Self::TokenMissing => "token-missing",
            Self::TokenInvalid(_) => "token-invalid",
            Self::StepUpRequired(_) => "step-up-required",
            Self::AccessDenied(_) => "access-denied",
            Self::RouteUnknown => "route-unknown",
            Self::MethodNotAllowed(_) => "method-not-allowed",
            Self::RequestTimeout => "request-timeout",
            Self::BodyTooLarge => "body-too-large",
            Self::UriTooLong => "uri-too-long",
            Self::BodyTypeUnsupported => "body-type-unsupported",
            Self::HeaderTooLarge => "header-too-large",
            Self::QuotaExceeded(_) => "quota-exceeded",
            Self::Closed(_) => "closed",
            Self::ReadOnly(_) => "read-only",
            Self::Retired(_) => "retired",
            Self::Overloaded => "overloaded",
            Self::DependencyUnavailable(_) => "dependency-unavailable",
            Self::UpstreamFailed => "upstream-failed",
            Self::UpstreamTimeout => "upstream-timeout",
            Self::ResponseWithheld(_) => "response-withheld",
        }
    }

    /// The private reason, for the audit record only: a fixed word, never a value of the request.
    pub fn reason(&self) -> String {
        match self {
            Self::Malformed(flaw) | Self::Ambiguous(flaw) => word(flaw),
            Self::VehicleMalformed(flaw) => word(flaw),
            Self::TokenInvalid(flaw) => word(flaw),
            Self::AccessDenied(flaw) => word(flaw),
            Self::QuotaExceeded(refusal) => refusal.policy.to_string(),
            Self::Closed(closed) | Self::ReadOnly(closed) => closed.closure.to_string(),
            Self::DependencyUnavailable(dependency) => word(dependency),
            Self::ResponseWithheld(flaw) => word(flaw),
            Self::VehicleMissing
            | Self::VehicleAmbiguous
            | Self::TokenMissing
            | Self::StepUpRequired(_)
            | Self::RouteUnknown
            | Self::MethodNotAllowed(_)
            | Self::RequestTimeout
            | Self::BodyTooLarge
            | Self::UriTooLong
            | Self::BodyTypeUnsupported
            | Self::HeaderTooLarge
            | Self::Overloaded
            | Self::Retired(_)
            | Self::UpstreamFailed
            | Self::UpstreamTimeout => self.code().to_owned(),
        }
    }
}

/// The name of a variant in the form of the public codes: `WrongAudience` is `wrong-audience`.
fn word(variant: &impl fmt::Debug) -> String {
    let mut word = String::new();
    for letter in format!("{variant:?}").chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}
