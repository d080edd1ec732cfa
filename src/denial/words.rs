//! What is a denial called in public?
//!
//! Plain words that tell a person what to do next, and nothing that tells a stranger more than the
//! status does.

use crate::denial::{ClosedBy, Denial, language};

/// The language of what is built in.
const BUILT_IN: &str = "en";

/// Public text of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words<'a> {
    /// The same for every occurrence of its code (RFC 9457, 3.1.3).
    pub title: &'static str,
    /// One sentence; an operator's message where there is one.
    pub detail: &'a str,
    /// Language tag of the detail; the title is always in English.
    pub language: &'a str,
}

/// The words of a denial: a function of its code, but for the message of a closure, in the language
/// that `accept_language` wants most, and the reason of a retirement.
pub fn of<'a>(denial: &'a Denial, accept_language: Option<&str>) -> Words<'a> {
    let (language, detail) =
        message(denial, accept_language).unwrap_or_else(|| (BUILT_IN, detail(denial)));
    Words {
        title: title(denial),
        detail,
        language,
    }
}

/// What operators say themselves: language tag and text.
fn message<'a>(denial: &'a Denial, accept_language: Option<&str>) -> Option<(&'a str, &'a str)> {
    language::choose(&closed_by(denial)?.texts, accept_language)
}

/// The closure that refuses, if one does.
pub(super) fn closed_by(denial: &Denial) -> Option<&ClosedBy> {
    if let Denial::Closed(closed) | Denial::ReadOnly(closed) = denial {
        Some(closed)
    } else {
        None
    }
}

fn title(denial: &Denial) -> &'static str {
    match denial {
        Denial::Malformed(_) => "Malformed request",
        Denial::Ambiguous(_) => "Ambiguous request",
        Denial::VehicleMissing => "Vehicle missing",
        Denial::VehicleMalformed(_) => "Vehicle malformed",
        Denial::VehicleAmbiguous => "Vehicle ambiguous",
        Denial::TokenMissing => "Sign-in needed",
        Denial::TokenInvalid(_) => "Token not accepted",
        Denial::StepUpRequired(_) => "Sign-in needed again",
        Denial::AccessDenied(_) => "Access denied",
        Denial::RouteUnknown => "Not found",
        Denial::MethodNotAllowed(_) => "Method not allowed",
        Denial::RequestTimeout => "Request timeout",
        Denial::BodyTooLarge => "Body too large",
        Denial::UriTooLong => "Address too long",
        Denial::BodyTypeUnsupported => "Body type not supported",
        Denial::HeaderTooLarge => "Header too large",
        Denial::QuotaExceeded(_) => "Too many requests",
        Denial::Closed(_) => "Closed",
        Denial::ReadOnly(_) => "Read-only",
        Denial::Retired(_) => "Retired",
        Denial::Overloaded => "Overloaded",
        Denial::DependencyUnavailable(_) => "Temporarily unavailable",
        Denial::UpstreamFailed => "Service failed",
        Denial::UpstreamTimeout => "Service timeout",
        Denial::ResponseWithheld(_) => "Answer withheld",
    }
}

fn detail(denial: &Denial) -> &str {
    match denial {
        Denial::Malformed(_) => "The request is not well formed.",
        Denial::Ambiguous(_) => "The request can be read in more than one way.",
        Denial::VehicleMissing => "The request names no vehicle.",
        Denial::VehicleMalformed(_) => "The vehicle identification number is not valid.",
        Denial::VehicleAmbiguous => "The request names more than one vehicle.",
        Denial::TokenMissing => "This request needs an access token.",
        Denial::TokenInvalid(_) => "The access token is not accepted.",
        Denial::StepUpRequired(_) => "This request needs a stronger or more recent sign-in.",
        Denial::AccessDenied(_) => "Access to this resource is denied.",
        Denial::RouteUnknown => "There is nothing at this address.",
        Denial::MethodNotAllowed(_) => "This address does not take the method of the request.",
        Denial::RequestTimeout => "The request did not arrive in time.",
        Denial::BodyTooLarge => "The body of the request is too large.",
        Denial::UriTooLong => "The address of the request is too long.",
        Denial::BodyTypeUnsupported => "The type of the request's body is not supported here.",
        Denial::HeaderTooLarge => "The header of the request is too large.",
        Denial::QuotaExceeded(_) => "Too many requests. Please try again later.",
        Denial::Closed(_) => "This service is closed for now. Please try again later.",
        Denial::ReadOnly(_) => {
            "Nothing can be changed here for now, only read. Please try again later."
        }
        Denial::Retired(retirement) => &retirement.because,
        Denial::Overloaded => "The service is busy. Please try again later.",
        Denial::DependencyUnavailable(_) => {
            "The request can't be decided right now. Please try again later."
        }
        Denial::UpstreamFailed => "The service behind this gateway failed to answer.",
        Denial::UpstreamTimeout => "The service behind this gateway did not answer in time.",
        Denial::ResponseWithheld(_) => "The answer can't be delivered.",
    }
}
