//! Is a sealed line read as it was written, and in no other form?

use super::*;

fn key() -> Arc<ChainKey> {
    Arc::new(ChainKey::new(&[1; 32]))
}

fn sealed(lines: &[&str]) -> Vec<String> {
    let mut chain = Chain::new(key(), Link::default(), Origin::Genesis);
    let mut out = Vec::new();
    for line in lines {
        chain.seal(line, &mut out);
    }
    let text = String::from_utf8(out).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_line_keeps_its_members_and_ends_in_number_and_mac() {
    let lines = sealed(&[r#"{"a":1}"#, r#"{"b":"x"}"#, "no object", "{}"]);
    let id = key().id().to_owned();
    let first = format!(r#"{{"a":1,"chain_from":"{id}:genesis","n":1,"chain":""#);
    assert!(lines[0].starts_with(&first), "{}", lines[0]);
    assert!(lines[1].starts_with(r#"{"b":"x","n":2,"chain":""#));
    assert!(lines[2].starts_with(r#"{"text":"no object","n":3,"chain":""#));
    assert!(lines[3].starts_with(r#"{"text":"{}","n":4,"chain":""#));
    let mut before = Value::default();
    for line in &lines {
        let found = Sealed::read(line.as_bytes()).unwrap();
        assert!(found.is_genuine(&key(), &before), "{line}");
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "{line}"
        );
        before = found.link.value;
    }
}

#[test]
fn another_form_of_the_same_line_is_none() {
    let line = &sealed(&[r#"{"a":1}"#])[0];
    assert!(Sealed::read(line.as_bytes()).is_some());
    let (_, digits) = line.split_once(CHAIN).unwrap();
    let digits = digits.trim_end_matches("\"}");
    let others = [
        format!("{line} "),
        format!("{line}\r"),
        line.replace("\"n\":1", "\"n\":01"),
        line.replace("\"n\":1", "\"n\":+1"),
        line.replace("\"n\":1", "\"n\":0"),
        line.replace("\"n\":", "\"n\": "),
        line.replace(digits, &digits.to_uppercase()),
        line.replace(digits, "0123"),
        line.replace(",\"chain\":", ", \"chain\":"),
        "\"}".to_owned(),
        String::new(),
    ];
    for other in others {
        assert_eq!(Sealed::read(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn a_head_is_read_with_its_key_only() {
    let last = Link {
        n: 7,
        value: [5; 16],
    };
    let head = Head { first: 3, last };
    let text = head.write(&key());
    assert_eq!(Head::read(text.as_bytes(), &key()), Some(head));
    let other = ChainKey::new(&[2; 32]);
    assert_eq!(Head::read(text.as_bytes(), &other), None);
    for at in 0..text.len() {
        let mut torn = text.clone().into_bytes();
        torn[at] ^= 1;
        assert_eq!(Head::read(&torn, &key()), None, "byte {at}");
        assert_eq!(
            Head::read(&text.as_bytes()[..at], &key()),
            None,
            "cut at {at}"
        );
    }
    let newer = Head {
        first: u64::MAX,
        last: Link {
            n: u64::MAX,
            value: [5; 16],
        },
    };
    assert_eq!(
        newer.write(&key()).len(),
        text.len(),
        "it is written over in place"
    );
}

#[test]
fn one_log_has_another_key_than_the_other() {
    let (one, other) = (ChainKey::new(&[1; 32]), ChainKey::new(&[2; 32]));
    assert_ne!(one.id(), other.id());
    assert_eq!(one.id().len(), 16);
    assert_ne!(REQUEST_LOG, SWITCH_LOG);
}
