//! How are tokens taken back by hand?
//!
//! `GET` and `POST /v1/revocations`, `POST /v1/revocations:restore`. In force for the next request and for
//! those that are being served; on other gateways within a second. A restoration is on disk, and on record,
//! before it is in force.

mod form;

use std::collections::VecDeque;
use std::time::Duration;

use axum::Extension;
use axum::Json;
use axum::extract::{Query, State};
use http::StatusCode;
use serde::Deserialize;

use crate::admin::Operated;
use crate::admin::asked;
use crate::admin::authority::{Act, Circumstances};
use crate::admin::changing::on_a_thread;
use crate::admin::conditions::IfMatch;
use crate::admin::granting::entry::Entry;
use crate::admin::person::Person;
use crate::admin::problem::Problem;
use crate::admin::switches::MaybeJson;
use crate::clock;
use crate::config::moment::Moment;
use crate::digest;
use crate::pipeline::audit::Pseudonyms;
use crate::pipeline::identity::issuer::Terms;
use crate::revocations::{Draft, Kind, Made, Mark, Reach, Told, Unchanged};

use form::Revocation;
pub use form::{RestoreTokens, RevokeTokens, Revoked, RevokedList, Which};

/// Most names of one call: with the longest names, a third of the longest body.
const NAMES: usize = 10_000;

/// Longest name, in bytes: a longer one is in no token that is believed.
const NAME_BYTES: usize = 256;

/// Names that a line of the switch log tells.
const ON_RECORD: usize = 10;

/// Revocations that are listed, unless a number is asked for.
const NEWEST: usize = 100;

/// Most that are listed.
const MOST_LISTED: usize = 10_000;

/// How many are listed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    newest: Option<usize>,
}

pub(super) async fn list(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    Query(asked): Query<Asked>,
) -> Result<Json<RevokedList>, Problem> {
    operated.permit(&person, Act::View, Circumstances::default())?;
    let most = asked.newest.unwrap_or(NEWEST).min(MOST_LISTED);
    on_a_thread(move || {
        let list = &operated.revocations;
        let mut newest = VecDeque::new();
        let all = list.newest();
        for version in
            all.map_err(|flaw| Problem::failed(format!("the log of revocations: {flaw}")))?
        {
            newest.push_back(version);
            if newest.len() > most {
                newest.pop_front();
            }
        }
        Ok(Json(RevokedList {
            count: list.count(),
            durable: list.are_durable(),
            revocations: newest.into_iter().map(Revocation::of).collect(),
        }))
    })
    .await
}

pub(super) async fn revoke(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    _: IfMatch,
    MaybeJson(body): MaybeJson,
) -> Result<Json<Revoked>, Problem> {
    let asked: RevokeTokens = asked::read(&body)?;
    let at = circumstances(&asked.issuer, &asked.which);
    operated.permit(&person, Act::RevokeTokens, at)?;
    let terms = terms(&operated, &asked.issuer)?;
    let now = clock::unix_time();
    let issued_until = issued_until(asked.issued_before.as_deref(), &asked.which, &terms, now)?;
    let whose = Whose {
        issuer: &asked.issuer,
        which: &asked.which,
        reason: &asked.reason,
    };
    let drafts = whose.drafts((&operated, &person), &terms, issued_until, now)?;
    let entry = whose.entry((&operated, &person), "revoke", &drafts);
    on_a_thread(move || {
        let begun = entry.begin_anyway();
        let made = operated
            .revocations
            .revoke(drafts)
            .map_err(|why| unchanged(&why));
        let changed = made.as_ref().map_or(0, |made| made.changed);
        begun.conclude(made.as_ref().err().map_or("done", Problem::code), changed);
        Ok(told(&operated, made?))
    })
    .await
}

pub(super) async fn restore(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    _: IfMatch,
    MaybeJson(body): MaybeJson,
) -> Result<Json<Revoked>, Problem> {
    let asked: RestoreTokens = asked::read(&body)?;
    let at = circumstances(&asked.issuer, &asked.which);
    operated.permit(&person, Act::RestoreTokens, at)?;
    let terms = terms(&operated, &asked.issuer)?;
    let whose = Whose {
        issuer: &asked.issuer,
        which: &asked.which,
        reason: &asked.reason,
    };
    let now = clock::unix_time();
    let drafts = whose.drafts((&operated, &person), &terms, Reach::Restored, now)?;
    let entry = whose.entry((&operated, &person), "restore", &drafts);
    on_a_thread(move || {
        let begun = entry.begin()?;
        let made = operated
            .revocations
            .restore(drafts)
            .map_err(|why| unchanged(&why));
        let changed = made.as_ref().map_or(0, |made| made.changed);
        begun.conclude(made.as_ref().err().map_or("done", Problem::code), changed);
        Ok(told(&operated, made?))
    })
    .await
}

fn told(operated: &Operated, made: Made) -> Json<Revoked> {
    operated.spread.say_again();
    Json(Revoked {
        changed: made.changed,
        versions: made.versions,
        warning: made.not_durable,
    })
}

/// All tokens of an issuer sign everybody out: that is grave.
fn circumstances(issuer: &str, which: &Which) -> Circumstances {
    match which {
        Which::All { confirm } => Circumstances {
            grave: true,
            named: confirm == issuer,
            ..Circumstances::default()
        },
        Which::Tokens(_)
        | Which::Sessions(_)
        | Which::Subjects(_)
        | Which::Clients(_)
        | Which::Certificates(_) => Circumstances::default(),
    }
}

fn terms(operated: &Operated, issuer: &str) -> Result<Terms, Problem> {
    let names = (operated.names)();
    names.terms.get(issuer).cloned().ok_or_else(|| {
        let known: Vec<&str> = names.terms.keys().map(String::as_str).collect();
        let detail = format!(
            "no issuer `{issuer}` in the configuration: there is {}",
            known.join(", ")
        );
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "issuer-unknown", detail)
    })
}

/// Up to when tokens were issued that are refused. A token may be issued by a clock that is ahead.
fn issued_until(
    before: Option<&str>,
    which: &Which,
    terms: &Terms,
    now: Duration,
) -> Result<Reach, Problem> {
    let whenever = matches!(
        which,
        Which::Tokens(_) | Which::Sessions(_) | Which::Certificates(_)
    );
    let until = match before {
        None if whenever => return Ok(Reach::Every),
        None => now,
        Some(_) if whenever => {
            let detail = "tokens, sessions and certificates are taken back whenever they were issued: leave \
                          `issued_before` out";
            return Err(Problem::malformed(detail));
        }
        Some(text) => {
            let moment = Moment::read(text).ok_or_else(|| {
                Problem::malformed("`issued_before` is no time such as `2027-01-01T00:00:00Z`")
            })?;
            moment.since_epoch()
        }
    };
    if until > now {
        let detail = "`issued_before` is in the future: tokens that don't exist yet are kept out by closing \
                      (`vingate switch close --subject`, `--client`)";
        return Err(Problem::malformed(detail));
    }
    Ok(Reach::IssuedUntil(
        until.saturating_add(terms.clock_skew).as_secs(),
    ))
}

/// What a call is about.
struct Whose<'a> {
    issuer: &'a str,
    which: &'a Which,
    reason: &'a str,
}

impl Whose<'_> {
    /// One for each name.
    fn drafts(
        &self,
        (operated, person): (&Operated, &Person),
        terms: &Terms,
        reach: Reach,
        now: Duration,
    ) -> Result<Vec<Draft>, Problem> {
        asked::check_reason(self.reason)?;
        let names = self.which.names();
        if names.is_empty() || names.len() > NAMES {
            let detail = format!("a call names 1 to {NAMES}, not {}", names.len());
            return Err(Problem::malformed(detail));
        }
        let kind = self.which.kind();
        let is_wrong = |name: &&str| {
            name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control)
        };
        if kind != Kind::Issuer && names.iter().any(is_wrong) {
            let detail = format!("a name has 1 to {NAME_BYTES} bytes and no control characters");
            return Err(Problem::malformed(detail));
        }
        // the last token that it can be about was issued by a clock that is ahead
        let last = now
            .saturating_add(terms.clock_skew)
            .saturating_add(terms.longest);
        let pseudonyms = (operated.pseudonyms)();
        let draft = |name: &str| {
            Ok(Draft {
                mark: mark(kind, &terms.issuer, name)?,
                reach,
                ends: last.as_secs().saturating_add(1),
                told: Told {
                    kind,
                    issuer: self.issuer.to_owned(),
                    about: about(kind, &pseudonyms, self.issuer, name),
                    reason: self.reason.to_owned(),
                    by: person.name.clone(),
                    at: now.as_secs(),
                },
            })
        };
        names.into_iter().map(draft).collect()
    }

    /// The line of the switch log.
    fn entry(
        &self,
        (operated, person): (&Operated, &Person),
        verb: &str,
        drafts: &[Draft],
    ) -> Entry {
        let mut entry = Entry::of(operated, person, &format!("tokens {verb}"));
        entry.add("kind", self.which.kind().word());
        entry.add("issuer", self.issuer);
        let about = drafts.iter().take(ON_RECORD);
        entry.add(
            "about",
            about
                .map(|draft| draft.told.about.clone())
                .collect::<Vec<_>>(),
        );
        entry.add("names", drafts.len());
        entry.add("reason", self.reason);
        entry
    }
}

/// The mark of a name of an issuer; of a certificate whoever issued it.
fn mark(kind: Kind, issuer: &str, name: &str) -> Result<Mark, Problem> {
    if kind != Kind::Certificate {
        return Ok(Mark::of(kind, issuer, name));
    }
    let bytes: String = name.split(':').collect(); // as openssl writes them
    let thumbprint = digest::unhex(&bytes).ok_or_else(|| {
        Problem::malformed("a certificate is named by its SHA-256: 64 hexadecimal digits")
    })?;
    Ok(Mark::of_certificate(&thumbprint))
}

/// What people are told of whom it is about: as records have it, so that the two can be held together.
fn about(kind: Kind, pseudonyms: &Pseudonyms, issuer: &str, name: &str) -> String {
    match kind {
        Kind::Token => pseudonyms.token(issuer, name),
        Kind::Subject => pseudonyms.subject(issuer, name),
        Kind::SessionId => pseudonyms.word(&format!("session {issuer} {name}")),
        Kind::Certificate => pseudonyms.word(&format!("certificate {name}")),
        Kind::Client => name.to_owned(),
        Kind::Issuer | Kind::Everything => issuer.to_owned(),
    }
}

fn unchanged(why: &Unchanged) -> Problem {
    let (status, code) = match why {
        Unchanged::Full => (StatusCode::INSUFFICIENT_STORAGE, "revocations-full"),
        Unchanged::NotDurable(_) => (StatusCode::SERVICE_UNAVAILABLE, "not-durable"),
    };
    Problem::new(status, code, why.to_string())
}

#[cfg(test)]
mod tests;
