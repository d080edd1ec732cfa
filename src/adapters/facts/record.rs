//! How is one record written in a store?
//!
//! A byte for the version of the form, then a JSON array without names: 20 million records don't
//! say `capabilities` 20 million times. A vehicle without consents, work orders, cases and suspension
//! is written in the first form, which is shorter; both are read.

use std::time::Duration;

use crate::config::file::PrincipalKind;
use crate::pipeline::ownership::{
    Assignee, Consent, DriverGrant, IndexKey, RoadsideCase, SubjectFacts, VehicleFacts, WorkOrder,
};

/// What is known of nearly every vehicle.
const PLAIN: u8 = 1;

/// The same, and what is known of few.
const WHOLE: u8 = 2;

/// The only form of a subject.
const SUBJECT: u8 = 1;

/// Seconds and nanoseconds since the Unix epoch.
type Moment = (u64, u32);

type Grant = (String, Vec<String>, Option<Moment>);

/// Owner, drivers, fleet, region, trim, capabilities, telematics.
type Plain = (
    Option<String>,
    Vec<Grant>,
    Option<String>,
    String,
    String,
    Vec<String>,
    bool,
);

/// Id, dealership, technician, role, agreed, until.
type Order = (
    String,
    String,
    Option<String>,
    Option<String>,
    Vec<String>,
    Moment,
);

type Case = (String, String, Moment);

/// What is known of nearly every vehicle; consents, which look like grants, work orders, cases,
/// suspended.
type Whole = (Plain, Vec<Grant>, Vec<Order>, Vec<Case>, bool);

/// Letter and name of what an index finds vehicles by. The letters never change: stores hold them.
pub(crate) fn index_key(key: &IndexKey) -> (u8, &str) {
    match key {
        IndexKey::Subject(PrincipalKind::User, name) => (b'u', name),
        IndexKey::Subject(PrincipalKind::Client, name) => (b'c', name),
        IndexKey::Subject(PrincipalKind::Technician, name) => (b't', name),
        IndexKey::Subject(PrincipalKind::Agent, name) => (b'a', name),
        IndexKey::Subject(PrincipalKind::Vehicle, name) => (b'v', name),
        IndexKey::Case(name) => (b'k', name),
    }
}

/// Writes a vehicle.
pub(crate) fn encode(facts: &VehicleFacts) -> Result<Vec<u8>, serde_json::Error> {
    // Taken apart without `..`: a fact that is added later can't be lost here.
    let VehicleFacts {
        owner,
        drivers,
        fleet,
        region,
        trim,
        capabilities,
        telematics,
        consents,
        work_orders,
        cases,
        suspended,
    } = facts;
    let drivers = drivers.iter().map(|grant| {
        let until = grant.until.map(moment);
        (&grant.subject, &grant.entitlements, until)
    });
    // Borrowed, in the order of `Plain`.
    let plain = (
        owner,
        drivers.collect::<Vec<_>>(),
        fleet,
        region,
        trim,
        capabilities,
        telematics,
    );
    if consents.is_empty() && work_orders.is_empty() && cases.is_empty() && !suspended {
        return write(PLAIN, &plain);
    }
    let consents = consents.iter().map(|consent| {
        let until = consent.until.map(moment);
        (&consent.client, &consent.scopes, until)
    });
    let cases = cases.iter().map(|case| {
        let until = moment(case.until);
        (&case.case, &case.agent, until)
    });
    // In the order of `Whole`.
    let whole = (
        plain,
        consents.collect::<Vec<_>>(),
        work_orders.iter().map(order).collect::<Vec<_>>(),
        cases.collect::<Vec<_>>(),
        suspended,
    );
    write(WHOLE, &whole)
}

fn write(version: u8, array: &impl serde::Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = vec![version];
    serde_json::to_writer(&mut bytes, array)?;
    Ok(bytes)
}

/// Borrowed, in the order of `Order`.
fn order(order: &WorkOrder) -> impl serde::Serialize {
    let (technician, role) = match &order.assignee {
        Assignee::Technician(subject) => (Some(subject), None),
        Assignee::Role(role) => (None, Some(role)),
    };
    (
        &order.id,
        &order.dealership,
        technician,
        role,
        &order.agreed,
        moment(order.until),
    )
}

/// Reads a vehicle; `None` if it isn't whole, or of a form that this version doesn't know.
pub(crate) fn decode(bytes: &[u8]) -> Option<VehicleFacts> {
    let (&version, array) = bytes.split_first()?;
    match version {
        PLAIN => read_plain(serde_json::from_slice(array).ok()?),
        WHOLE => {
            let (plain, consents, orders, cases, suspended): Whole =
                serde_json::from_slice(array).ok()?;
            Some(VehicleFacts {
                consents: all(consents, read_consent)?,
                work_orders: all(orders, read_order)?,
                cases: all(cases, read_case)?,
                suspended,
                ..read_plain(plain)?
            })
        }
        _ => None,
    }
}

fn read_plain(plain: Plain) -> Option<VehicleFacts> {
    let (owner, drivers, fleet, region, trim, capabilities, telematics) = plain;
    Some(VehicleFacts {
        owner,
        drivers: all(drivers, read_grant)?,
        fleet,
        region,
        trim,
        capabilities,
        telematics,
        ..VehicleFacts::default()
    })
}

fn all<W, T>(written: Vec<W>, read: fn(W) -> Option<T>) -> Option<Vec<T>> {
    written.into_iter().map(read).collect()
}

fn read_grant((subject, entitlements, until): Grant) -> Option<DriverGrant> {
    // An end that can't be read is not "no end".
    let until = match until {
        None => None,
        Some(until) => Some(read_moment(until)?),
    };
    Some(DriverGrant {
        subject,
        entitlements,
        until,
    })
}

fn read_consent(written: Grant) -> Option<Consent> {
    let DriverGrant {
        subject: client,
        entitlements: scopes,
        until,
    } = read_grant(written)?;
    Some(Consent {
        client,
        scopes,
        until,
    })
}

fn read_order(order: Order) -> Option<WorkOrder> {
    let (id, dealership, technician, role, agreed, until) = order;
    let assignee = match (technician, role) {
        (Some(technician), None) => Assignee::Technician(technician),
        (None, Some(role)) => Assignee::Role(role),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    Some(WorkOrder {
        id,
        dealership,
        assignee,
        agreed,
        until: read_moment(until)?,
    })
}

fn read_case((case, agent, until): Case) -> Option<RoadsideCase> {
    Some(RoadsideCase {
        case,
        agent,
        until: read_moment(until)?,
    })
}

fn moment(end: Duration) -> Moment {
    (end.as_secs(), end.subsec_nanos())
}

fn read_moment((seconds, nanoseconds): Moment) -> Option<Duration> {
    (nanoseconds < 1_000_000_000).then(|| Duration::new(seconds, nanoseconds))
}

/// Writes a subject.
pub(crate) fn encode_subject(facts: SubjectFacts) -> [u8; 2] {
    let SubjectFacts { suspended } = facts;
    [SUBJECT, u8::from(suspended)]
}

/// Reads a subject; `None` if it isn't whole, or of a form that this version doesn't know.
pub(crate) fn decode_subject(bytes: &[u8]) -> Option<SubjectFacts> {
    match bytes {
        [SUBJECT, suspended @ (0 | 1)] => Some(SubjectFacts {
            suspended: *suspended == 1,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn grants()(
            subject: String,
            entitlements in prop::collection::vec(any::<String>(), 0..3),
            until: Option<Duration>,
        ) -> DriverGrant {
            DriverGrant { subject, entitlements, until }
        }
    }

    prop_compose! {
        fn consents()(
            client: String,
            scopes in prop::collection::vec(any::<String>(), 0..3),
            until: Option<Duration>,
        ) -> Consent {
            Consent { client, scopes, until }
        }
    }

    prop_compose! {
        fn orders()(
            (id, dealership, name) in any::<(String, String, String)>(),
            by_role: bool,
            agreed in prop::collection::vec(any::<String>(), 0..3),
            until: Duration,
        ) -> WorkOrder {
            let assignee = if by_role { Assignee::Role(name) } else { Assignee::Technician(name) };
            WorkOrder { id, dealership, assignee, agreed, until }
        }
    }

    prop_compose! {
        fn cases()(case: String, agent: String, until: Duration) -> RoadsideCase {
            RoadsideCase { case, agent, until }
        }
    }

    prop_compose! {
        fn facts()(
            owner: Option<String>,
            drivers in prop::collection::vec(grants(), 0..3),
            fleet: Option<String>,
            region: String,
            trim: String,
            capabilities in prop::collection::vec(any::<String>(), 0..3),
            (telematics, suspended) in any::<(bool, bool)>(),
            consents in prop::collection::vec(consents(), 0..2),
            work_orders in prop::collection::vec(orders(), 0..2),
            cases in prop::collection::vec(cases(), 0..2),
        ) -> VehicleFacts {
            VehicleFacts {
                owner, drivers, fleet, region, trim, capabilities, telematics,
                consents, work_orders, cases, suspended,
            }
        }
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(facts in facts()) {
            prop_assert_eq!(decode(&encode(&facts).unwrap()), Some(facts));
        }

        #[test]
        fn a_cut_record_is_not_a_record(facts in facts(), part: prop::sample::Index) {
            let bytes = encode(&facts).unwrap();
            let cut = part.index(bytes.len());
            prop_assert_eq!(decode(&bytes[..cut]), None);
        }
    }

    #[test]
    fn other_forms_are_not_read() {
        let good = br#"1[null,[["s",["A"],[1,2]]],null,"NE","SV",[],true]"#;
        let table: &[(&[u8], bool)] = &[
            (
                br#"[null,[["s",["A"],[1,2]]],null,"NE","SV",[],true]"#,
                true,
            ),
            (
                br#"[null,[["s",["A"],[1,1000000000]]],null,"NE","SV",[],true]"#,
                false,
            ),
            (br#"[null,[],null,"NE","SV",[],true,1]"#, false),
            (br#"[null,[],null,"NE","SV",[]]"#, false),
            (b"", false),
        ];
        assert_eq!(decode(good), None, "version `1` as a letter is 49");
        for (array, readable) in table {
            let of = |version: u8| decode(&[&[version], *array].concat());
            assert_eq!(of(1).is_some(), *readable);
            assert_eq!(of(2), None);
            assert_eq!(of(0), None);
            assert_eq!(of(3), None);
        }
        for array in [
            r#"[[null,[],null,"NE","SV",[],true],[],[["W","D",null,null,[],[1,2]]],[],false]"#,
            r#"[[null,[],null,"NE","SV",[],true],[],[["W","D","t","r",[],[1,2]]],[],false]"#,
            r#"[[null,[],null,"NE","SV",[],true],[],[["W","D","t",null,[],null]],[],false]"#,
            r#"[[null,[],null,"NE","SV",[],true],[],[],[["K","a",[1,1000000000]]],false]"#,
            r#"[[null,[],null,"NE","SV",[],true],[],[],[]]"#,
        ] {
            assert_eq!(decode(&[&[2], array.as_bytes()].concat()), None, "{array}");
        }
    }

    /// What a version before consents, work orders and cases wrote.
    #[test]
    fn an_old_record_is_read_and_a_plain_one_written_like_it() {
        let old = b"\x01[\"anna\",[[\"ben\",[\"StartClimate\"],[5,0]]],null,\"NE\",\"SV\",[\"climate\"],true]";
        let facts = decode(old).unwrap();
        assert_eq!(facts.owner.as_deref(), Some("anna"));
        assert_eq!((facts.consents.len(), facts.work_orders.len()), (0, 0));
        assert_eq!((facts.cases.len(), facts.suspended), (0, false));
        assert_eq!(encode(&facts).unwrap(), old);
    }

    #[test]
    fn a_subject_comes_back_and_another_form_is_not_read() {
        for suspended in [false, true] {
            let facts = SubjectFacts { suspended };
            assert_eq!(decode_subject(&encode_subject(facts)), Some(facts));
        }
        for bytes in [&[][..], &[1], &[1, 2], &[2, 1], &[1, 1, 1]] {
            assert_eq!(decode_subject(bytes), None, "{bytes:?}");
        }
    }
}
