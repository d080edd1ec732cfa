//! Is each change of a log found, and is nothing told of a log that is whole?

use std::sync::Arc;

use super::*;
use crate::chain::Chain;

fn key(byte: u8) -> ChainKey {
    ChainKey::new(&[byte; 32])
}

/// A log that is written: its files, and its chain.
struct Log {
    chain: Chain,
    files: Vec<String>,
    first: u64,
}

impl Log {
    fn new() -> Self {
        let chain = Chain::new(Arc::new(key(1)), Link::default(), Origin::Genesis);
        Self {
            chain,
            files: vec![String::new()],
            first: 1,
        }
    }

    fn write(&mut self, count: u64) -> &mut Self {
        for number in 0..count {
            let line = format!(r#"{{"time":"t{}","number":{number}}}"#, self.next());
            self.put(&line);
        }
        self
    }

    fn next(&self) -> u64 {
        self.chain.last().n.saturating_add(1)
    }

    fn put(&mut self, line: &str) {
        let mut out = Vec::new();
        self.chain.seal(line, &mut out);
        let text = String::from_utf8(out).unwrap();
        self.files.last_mut().unwrap().push_str(&text);
    }

    fn rotate(&mut self) -> &mut Self {
        self.chain.begin_file();
        self.first = self.next();
        self.files.push(String::new());
        self
    }

    /// As after a stop: with another key, or the same.
    fn restart(&mut self, byte: u8, origin: Origin) -> &mut Self {
        self.chain = Chain::new(Arc::new(key(byte)), self.chain.last(), origin);
        self
    }

    fn head(&self) -> String {
        let head = Head {
            first: self.first,
            last: self.chain.last(),
        };
        head.write(self.chain.key())
    }

    fn lines(&self) -> Vec<String> {
        self.files
            .concat()
            .split_inclusive('\n')
            .map(str::to_owned)
            .collect()
    }
}

fn check(files: &[String], head: &str) -> Report {
    check_with(&[key(1)], files, head)
}

fn check_with(keys: &[ChainKey], files: &[String], head: &str) -> Report {
    let mut verifier = Verifier::new(keys);
    for (index, file) in files.iter().enumerate() {
        if files.get(index.saturating_add(1)).is_none() {
            verifier.expect(head.as_bytes());
        }
        verifier
            .read(&format!("f{index}"), file.as_bytes())
            .unwrap();
    }
    verifier.finish()
}

fn told(report: &Report) -> Vec<String> {
    let facts = report.facts.iter().map(|fact| format!("note {fact}"));
    report
        .breaks
        .iter()
        .map(ToString::to_string)
        .chain(facts)
        .collect()
}

#[test]
fn a_whole_log_is_told_by_its_ends() {
    let mut log = Log::new();
    log.write(3)
        .restart(1, Origin::Line)
        .write(2)
        .rotate()
        .write(4);
    let report = check(&log.files, &log.head());
    assert_eq!(told(&report), [""; 0]);
    assert_eq!((report.lines, report.at_least_up_to), (9, Some(9)));
    let (first, last) = (report.first.unwrap(), report.last.unwrap());
    assert_eq!((first.n, first.time.as_deref()), (1, Some("t1")));
    assert_eq!((last.n, last.time.as_deref()), (9, Some("t9")));
    let alone = check(&log.files[1..], &log.head());
    assert_eq!(
        told(&alone),
        ["note f0:1: starts at line n=`6`, continued from another file"]
    );
    let over = verify_over(log.files[0].as_bytes(), key(1)).unwrap();
    assert!(over.is_whole());
    assert!(told(&over)[0].contains("no head"));
}

type Change = fn(&mut Vec<String>);

#[test]
fn each_kind_of_change_is_told_with_its_line() {
    let mut log = Log::new();
    log.write(6);
    let head = log.head();
    let with = |change: Change| {
        let mut lines = log.lines();
        change(&mut lines);
        told(&check(&[lines.concat()], &head))
    };
    let table: [(Change, &[&str]); 8] = [
        (
            |lines| lines[2] = lines[2].replace("\"t3\"", "\"t4\""),
            &["f0:3: line n=`3` was altered, or the one before it was"],
        ),
        (
            |lines| drop(lines.drain(1..3)),
            &["f0:2: lines n=`2` to n=`3` are missing before this one"],
        ),
        (
            |lines| drop(lines.drain(4..)),
            &["f0:4: lines n=`5` to n=`6` are missing at the end"],
        ),
        (
            |lines| lines.insert(1, "{}\n".to_owned()),
            &["f0:2: not a line of this log (`2` bytes)"],
        ),
        (
            |lines| lines.insert(3, lines[2].clone()),
            &["f0:4: line n=`3` stands where n=`4` belongs"],
        ),
        (
            |lines| drop(lines.drain(..2)),
            &[
                "f0:1: line n=`3` opens no file: what stood before it was cut off",
                "f0:0: lines n=`1` to n=`2` are missing at the beginning",
            ],
        ),
        (
            Vec::clear,
            &["f0:0: lines n=`1` to n=`6` are missing at the end"],
        ),
        (
            |lines| lines.push("{\"a\":1}".to_owned()),
            &["note f0:7: ends in a torn line of `7` bytes"],
        ),
    ];
    for (change, wanted) in table {
        assert_eq!(with(change), wanted);
    }
}

#[test]
fn one_changed_mac_is_told_once() {
    let mut log = Log::new();
    log.write(5);
    let mut lines = log.lines();
    let at = lines[2].len() - 4;
    let other = if lines[2].as_bytes()[at] == b'0' {
        "1"
    } else {
        "0"
    };
    lines[2].replace_range(at..=at, other);
    let report = check(&[lines.concat()], &log.head());
    assert_eq!(
        told(&report),
        ["f0:3: line n=`3` was altered, or the one before it was"]
    );
}

#[test]
fn a_file_that_is_missing_between_others_is_told() {
    let mut log = Log::new();
    log.write(2).rotate().write(3).rotate().write(1);
    let files = [log.files[0].clone(), log.files[2].clone()];
    let report = check(&files, &log.head());
    assert_eq!(
        told(&report),
        ["f1:1: lines n=`3` to n=`5` are missing before this one"]
    );
    let swapped = [
        log.files[1].clone(),
        log.files[0].clone(),
        log.files[2].clone(),
    ];
    assert!(!check(&swapped, &log.head()).is_whole());
    let twice = [
        log.files[0].clone(),
        log.files[1].clone(),
        log.files[1].clone(),
        log.files[2].clone(),
    ];
    assert!(!check(&twice, &log.head()).is_whole());
}

#[test]
fn an_empty_file_is_whole_after_a_rotation_only() {
    let mut log = Log::new();
    log.write(2);
    let before = log.head();
    log.rotate();
    assert_eq!(told(&check(&log.files, &log.head())), [""; 0]);
    assert_eq!(told(&check(&log.files[1..], &log.head())), [""; 0]);
    let emptied = told(&check(&log.files[1..], &before));
    assert_eq!(
        emptied,
        ["f0:0: lines n=`1` to n=`2` are missing at the end"]
    );
    assert_eq!(
        told(&check(&log.files, &before)),
        [""; 0],
        "renamed, and not opened anew yet"
    );
}

#[test]
fn another_end_than_the_head_knew_is_told() {
    let mut log = Log::new();
    log.write(3);
    let head = log.head();
    let mut other = Log::new();
    other.write(2);
    other.put(r#"{"time":"t","number":99}"#);
    let report = check(&other.files, &head);
    assert_eq!(
        told(&report),
        ["f0:3: another line n=`3` was written than this one"]
    );
}

#[test]
fn a_log_with_two_keys_needs_both() {
    let mut log = Log::new();
    log.write(2).restart(2, Origin::Line).write(2);
    let head = log.head();
    let both = check_with(&[key(2), key(1)], &log.files, &head);
    assert_eq!(told(&both), [""; 0]);
    let new = check_with(&[key(2)], &log.files, &head);
    assert_eq!(new.breaks.len(), 1);
    assert!(
        matches!(new.breaks[0].what, Break::OtherKey { .. }),
        "{new:?}"
    );
    assert_eq!(new.breaks[0].line, 1);
    let old = check_with(&[key(1)], &log.files, "");
    assert!(
        matches!(old.breaks[0].what, Break::OtherKey { .. }),
        "{old:?}"
    );
    assert_eq!(old.breaks[0].line, 3);
    let altered = vec![log.files[0].replace("\"t1\"", "\"t9\"")];
    assert!(!check_with(&[key(2), key(1)], &altered, &head).is_whole());
}

#[test]
fn a_start_that_knew_only_the_head_is_told() {
    let mut log = Log::new();
    log.write(3);
    let known = log.chain.last();
    log.write(2).rotate();
    let reached = log.chain.last();
    log.restart(1, Origin::Head).write(1);
    let report = check(&log.files, &log.head());
    assert_eq!(
        told(&report),
        ["note f1:1: the log was empty at a start, and went on from its head behind n=`5`"]
    );
    log.files[1].clear();
    log.chain = Chain::new(Arc::new(key(1)), known, Origin::Head);
    log.write(4);
    let report = check(&log.files, &log.head());
    assert_eq!(
        told(&report),
        ["note f1:1: goes on behind n=`3`: `2` lines before a crash came after what the head knew"]
    );
    log.files[1].clear();
    log.chain = Chain::new(Arc::new(key(1)), Link { n: 9, ..reached }, Origin::Head);
    log.write(1);
    let report = check(&log.files, &log.head());
    assert_eq!(
        told(&report),
        ["f1:1: lines n=`6` to n=`9` are missing before this one"]
    );
}

#[test]
fn a_torn_line_counts_with_the_line_that_tells_of_it_only() {
    let mut log = Log::new();
    log.write(1);
    log.files[0].push_str("{\"torn\n");
    log.put(&TornLine::new(b"{\"torn").line("t"));
    log.write(1);
    let whole = log.lines();
    let report = check(&log.files, &log.head());
    assert_eq!(
        told(&report),
        ["note f0:2: a crash tore this line (`6` bytes); the line behind it tells so"]
    );
    let altered = [
        [whole[0].as_str(), "{\"tern\n", &whole[2], &whole[3]].concat(),
        [whole[0].as_str(), &whole[2], &whole[3]].concat(),
        [whole[0].as_str(), &whole[1], &whole[3]].concat(),
        [whole[0].as_str(), &whole[1], "x\n", &whole[2], &whole[3]].concat(),
        [whole[0].as_str(), &whole[2], &whole[1], &whole[3]].concat(),
    ];
    for text in altered {
        assert!(
            !check(std::slice::from_ref(&text), &log.head()).is_whole(),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_log_is_read_in_bounded_memory() {
    let zeroes = vec![0_u8; 3 * 1_048_576 + 5];
    let report = verify_over(zeroes.as_slice(), key(1)).unwrap();
    assert_eq!(report.lines, 0);
    assert!(!report.is_whole());
}

/// Breaks are counted, and not all kept.
#[test]
fn a_log_under_another_log_s_key_has_no_genuine_line() {
    let mut log = Log::new();
    log.write(300);
    let text = log.files[0].replacen(key(1).id(), key(2).id(), 1);
    let report = check_with(&[key(2)], &[text], "");
    assert_eq!((report.broken, report.breaks.len()), (300, 100));
}

mod properties;
