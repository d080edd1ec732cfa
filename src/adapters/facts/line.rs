//! Which fact is this line?

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::adapters::facts::form::{
    AliasForm, CaseForm, ConsentForm, DriverForm, Object, SubjectForm, VehicleForm, WorkOrderForm,
};
use crate::adapters::facts::import::Terms;
use crate::denial::VinFlaw;
use crate::pipeline::ownership::{
    Alias, Assignee, Consent, DriverGrant, RoadsideCase, SubjectFacts, SubjectKey, VehicleFacts,
    WorkOrder,
};
use crate::pipeline::vehicle::Vin;

/// Bytes of a subject: twice what issuers use.
const SUBJECT_BYTES: usize = 256;

/// Bytes of any other word.
const WORD_BYTES: usize = 64;

/// Consents, and work orders, of one vehicle.
const MOST_PARTIES: usize = 100;

/// Cases of one vehicle: one is the rule.
const MOST_CASES: usize = 20;

/// Scopes of a consent, and actions of a work order.
const MOST_WORDS: usize = 50;

/// Characters of a message that may carry a piece of the line.
const MESSAGE_CHARACTERS: usize = 300;

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A vehicle, whole.
    Vehicle(Vin, Box<VehicleFacts>),
    /// A subject.
    Subject(SubjectKey, SubjectFacts),
    /// A partner's name for a vehicle; `None` forgets it.
    Alias(Alias, Option<Vin>),
}

/// What a line that is no vehicle was meant to be.
#[derive(Deserialize)]
struct Meant {
    subject: Option<IgnoredAny>,
    alias: Option<IgnoredAny>,
}

/// The fact of a line, or why it is none.
pub(crate) fn read(text: &[u8], terms: &Terms) -> Result<Fact, String> {
    let text = std::str::from_utf8(text).map_err(|_| "not UTF-8".to_owned())?;
    let flaw = match serde_json::from_str(text) {
        Ok(Object(line)) => return vehicle(line, terms),
        Err(flaw) => flaw,
    };
    // Nearly every line is a vehicle: what it is otherwise is asked once it isn't.
    match serde_json::from_str(text) {
        Ok(Object(Meant { alias: Some(_), .. })) => alias(parse(text)?),
        Ok(Object(Meant {
            subject: Some(_), ..
        })) => subject(parse(text)?, terms),
        Ok(_) | Err(_) => Err(explain(&flaw)),
    }
}

fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    let Object(line) = serde_json::from_str(text).map_err(|flaw| explain(&flaw))?;
    Ok(line)
}

fn vehicle(line: VehicleForm, terms: &Terms) -> Result<Fact, String> {
    let vin = read_vin(&line.vin)?;
    if let Some(owner) = &line.owner {
        check_text("owner", owner, SUBJECT_BYTES)?;
    }
    if let Some(fleet) = &line.fleet {
        check_text("fleet", fleet, SUBJECT_BYTES)?;
    }
    check_text("region", &line.region, WORD_BYTES)?;
    check_known("region", &line.region, &terms.regions)?;
    check_text("trim", &line.trim, WORD_BYTES)?;
    for capability in &line.capabilities {
        check_text("capabilities", capability, WORD_BYTES)?;
    }
    check_count("consents", line.consents.len(), MOST_PARTIES)?;
    check_count("work_orders", line.work_orders.len(), MOST_PARTIES)?;
    check_count("cases", line.cases.len(), MOST_CASES)?;
    let facts = VehicleFacts {
        owner: line.owner,
        drivers: each(line.drivers, read_grant)?,
        fleet: line.fleet,
        region: line.region,
        trim: line.trim,
        capabilities: line.capabilities,
        telematics: line.telematics,
        consents: each(line.consents, read_consent)?,
        work_orders: each(line.work_orders, read_order)?,
        cases: each(line.cases, read_case)?,
        suspended: line.suspended,
    };
    Ok(Fact::Vehicle(vin, Box::new(facts)))
}

fn subject(line: SubjectForm, terms: &Terms) -> Result<Fact, String> {
    check_text("issuer", &line.issuer, WORD_BYTES)?;
    check_known("issuer", &line.issuer, &terms.issuers)?;
    check_text("subject", &line.subject, SUBJECT_BYTES)?;
    let key = SubjectKey {
        issuer: line.issuer,
        subject: line.subject,
    };
    let facts = SubjectFacts {
        suspended: line.suspended,
    };
    Ok(Fact::Subject(key, facts))
}

fn alias(line: AliasForm) -> Result<Fact, String> {
    check_text("alias", &line.alias, SUBJECT_BYTES)?;
    check_text("client", &line.client, SUBJECT_BYTES)?;
    let vin = line.vin.as_deref().map(read_vin).transpose()?;
    let alias = Alias {
        client: line.client,
        alias: line.alias,
    };
    Ok(Fact::Alias(alias, vin))
}

fn each<W, T>(written: Vec<Object<W>>, read: fn(W) -> Result<T, String>) -> Result<Vec<T>, String> {
    written.into_iter().map(|Object(one)| read(one)).collect()
}

fn read_vin(text: &str) -> Result<Vin, String> {
    Vin::read(text).map_err(|flaw| {
        let wanted = match flaw {
            VinFlaw::Length => "17 characters",
            VinFlaw::Alphabet => "`A`-`Z` in upper case without `I`, `O`, `Q`, and `0`-`9`",
            VinFlaw::CheckDigit => "the check digit in position 9",
        };
        format!("`vin` is not a VIN: wanted {wanted}")
    })
}

/// A grant to a driver.
///
/// # Errors
/// What is wrong with it, in words for whoever wrote it.
pub fn read_grant(grant: DriverForm) -> Result<DriverGrant, String> {
    check_text("subject", &grant.subject, SUBJECT_BYTES)?;
    check_actions("entitlements", &grant.entitlements)?;
    Ok(DriverGrant {
        subject: grant.subject,
        entitlements: grant.entitlements,
        until: grant.until.as_deref().map(read_moment).transpose()?,
    })
}

/// A consent.
///
/// # Errors
/// What is wrong with it, in words for whoever wrote it.
pub fn read_consent(consent: ConsentForm) -> Result<Consent, String> {
    check_text("client", &consent.client, SUBJECT_BYTES)?;
    check_count("scopes", consent.scopes.len(), MOST_WORDS)?;
    for scope in &consent.scopes {
        check_text("scopes", scope, WORD_BYTES)?;
        let token = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if !scope.bytes().all(token) {
            return Err("`scopes` has what is no scope (RFC 6749, 3.3)".to_owned());
        }
    }
    Ok(Consent {
        client: consent.client,
        scopes: consent.scopes,
        until: consent.until.as_deref().map(read_moment).transpose()?,
    })
}

/// A work order.
///
/// # Errors
/// What is wrong with it, in words for whoever wrote it.
pub fn read_order(order: WorkOrderForm) -> Result<WorkOrder, String> {
    check_text("id", &order.id, WORD_BYTES)?;
    check_text("dealership", &order.dealership, SUBJECT_BYTES)?;
    check_count("agreed", order.agreed.len(), MOST_WORDS)?;
    check_actions("agreed", &order.agreed)?;
    let assignee = match (order.technician, order.role) {
        (Some(technician), None) => {
            check_text("technician", &technician, SUBJECT_BYTES)?;
            Assignee::Technician(technician)
        }
        (None, Some(role)) => {
            check_text("role", &role, WORD_BYTES)?;
            Assignee::Role(role)
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err("a work order wants `technician` or `role`, one of them".to_owned());
        }
    };
    Ok(WorkOrder {
        id: order.id,
        dealership: order.dealership,
        assignee,
        agreed: order.agreed,
        until: read_moment(&order.until)?,
    })
}

/// A roadside case.
///
/// # Errors
/// What is wrong with it, in words for whoever wrote it.
pub fn read_case(case: CaseForm) -> Result<RoadsideCase, String> {
    check_text("case", &case.case, WORD_BYTES)?;
    check_text("agent", &case.agent, SUBJECT_BYTES)?;
    Ok(RoadsideCase {
        case: case.case,
        agent: case.agent,
        until: read_moment(&case.until)?,
    })
}

fn read_moment(text: &str) -> Result<Duration, String> {
    let moment = humantime::parse_rfc3339(text).ok();
    moment
        .and_then(|moment| moment.duration_since(UNIX_EPOCH).ok())
        .ok_or_else(|| {
            shorten(&format!(
                "`{}` in `until` is not a time such as `2027-01-01T00:00:00Z`",
                text.escape_debug()
            ))
        })
}

fn check_actions(name: &str, actions: &[String]) -> Result<(), String> {
    for word in actions {
        let letters = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !letters || word.len() > WORD_BYTES {
            return Err(shorten(&format!(
                "`{}` in `{name}` is not the name of an action: wanted at most \
                 {WORD_BYTES} letters",
                word.escape_debug()
            )));
        }
    }
    Ok(())
}

/// Refuses a name that the configuration doesn't have, where it has any.
fn check_known(name: &str, text: &str, known: &BTreeSet<String>) -> Result<(), String> {
    if known.is_empty() || known.contains(text) {
        return Ok(());
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(shorten(&format!(
        "`{name}` is none of the configuration's: {}",
        known.join(", ")
    )))
}

fn check_count(name: &str, count: usize, most: usize) -> Result<(), String> {
    if count > most {
        return Err(format!("`{name}` has more than {most} entries"));
    }
    Ok(())
}

/// Refuses what is empty, too long, or can't be seen. Doesn't repeat it: it may be a subject.
fn check_text(name: &str, text: &str, most: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        Err(format!("`{name}` is empty"))
    } else if text.len() > most {
        Err(format!("`{name}` is longer than {most} bytes"))
    } else if text.chars().any(char::is_control) {
        Err(format!("`{name}` has a control character"))
    } else {
        Ok(())
    }
}

/// serde's message without the value it found: that may be a subject or a VIN.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.replace(" at line 1 column ", ", at column ");
    let found = text.starts_with("invalid type: ") || text.starts_with("invalid value: ");
    match text.rsplit_once(", expected ") {
        Some((_, wanted)) if found => shorten(&format!("wanted {wanted}")),
        Some(_) | None => shorten(&text),
    }
}

fn shorten(message: &str) -> String {
    message.chars().take(MESSAGE_CHARACTERS).collect()
}
