//! How is one vehicle written in the file?
//!
//! A byte for the version of the form, then a JSON array without names: 20 million records don't
//! say `capabilities` 20 million times.

use std::time::Duration;

use crate::pipeline::ownership::{DriverGrant, VehicleFacts};

const VERSION: u8 = 1;

/// Seconds and nanoseconds since the Unix epoch.
type Moment = (u64, u32);

type Grant<Text> = (Text, Vec<Text>, Option<Moment>);

/// Owner, drivers, fleet, region, trim, capabilities, telematics.
type Record<Text> = (
    Option<Text>,
    Vec<Grant<Text>>,
    Option<Text>,
    Text,
    Text,
    Vec<Text>,
    bool,
);

/// Writes one.
pub(super) fn encode(facts: &VehicleFacts) -> Result<Vec<u8>, serde_json::Error> {
    let words = |words: &'_ Vec<String>| -> Vec<String> { words.clone() };
    let drivers = facts.drivers.iter().map(|grant| {
        let until = grant.until.map(|end| (end.as_secs(), end.subsec_nanos()));
        (grant.subject.clone(), words(&grant.entitlements), until)
    });
    let record: Record<String> = (
        facts.owner.clone(),
        drivers.collect(),
        facts.fleet.clone(),
        facts.region.clone(),
        facts.trim.clone(),
        words(&facts.capabilities),
        facts.telematics,
    );
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, &record)?;
    Ok(bytes)
}

/// Reads one; `None` if it isn't whole, or of a form that this version doesn't know.
pub(super) fn decode(bytes: &[u8]) -> Option<VehicleFacts> {
    let (&VERSION, array) = bytes.split_first()? else {
        return None;
    };
    let record: Record<String> = serde_json::from_slice(array).ok()?;
    let (owner, drivers, fleet, region, trim, capabilities, telematics) = record;
    let drivers = drivers.into_iter().map(|(subject, entitlements, until)| {
        let until = match until {
            None => None,
            Some(moment) => Some(read_moment(moment)?),
        };
        Some(DriverGrant {
            subject,
            entitlements,
            until,
        })
    });
    Some(VehicleFacts {
        owner,
        drivers: drivers.collect::<Option<_>>()?,
        fleet,
        region,
        trim,
        capabilities,
        telematics,
    })
}

fn read_moment((seconds, nanoseconds): Moment) -> Option<Duration> {
    (nanoseconds < 1_000_000_000).then(|| Duration::new(seconds, nanoseconds))
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
        fn facts()(
            owner: Option<String>,
            drivers in prop::collection::vec(grants(), 0..3),
            fleet: Option<String>,
            region: String,
            trim: String,
            capabilities in prop::collection::vec(any::<String>(), 0..3),
            telematics: bool,
        ) -> VehicleFacts {
            VehicleFacts { owner, drivers, fleet, region, trim, capabilities, telematics }
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
        }
    }
}
