//! Is each record on disk once, whatever the disk does and whenever the gateway dies?

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::faulty::{
    Faulty, Image, bare, id, intent, key, line, outcomes, record, verified,
};
use super::super::journal;
use super::*;
use crate::chain::report::Fact;
use crate::chain::{Link, Origin};

/// A writer whose turns the test takes.
struct Bench {
    disk: Faulty,
    queue: Arc<Queue>,
    writer: Writer,
}

impl Bench {
    fn new() -> Self {
        let disk = Faulty::default();
        let queue = Arc::new(Queue::new("audit", 100));
        let chain = Chain::new(Arc::new(key()), Link::default(), Origin::Genesis);
        let writer = Writer::new(Arc::clone(&queue), Box::new(disk.clone()), chain, 1);
        Self {
            disk,
            queue,
            writer,
        }
    }

    fn record(&self, number: u128) {
        self.queue.take_place().unwrap();
        self.queue.push(Entry::Record(record(number)));
    }

    fn intend(&self, number: u128) -> oneshot::Receiver<Result<(), LookupError>> {
        let (answer, answered) = oneshot::channel();
        self.queue.take_place().unwrap();
        self.queue.push(Entry::Intent(intent(number), answer));
        answered
    }

    /// A turn at once, without the wait after a failed write.
    fn retry(&mut self) {
        let mut answered = self.intend(99);
        self.writer.turn();
        assert_eq!(answered.try_recv(), Ok(Err(LookupError::Unreachable)));
    }
}

fn check_recovered(disk: &Faulty, promised: &BTreeSet<String>) {
    let state = disk.state();
    assert!(state.now.log.is_empty() || state.now.log.ends_with(b"\n"));
    assert!(state.now.journal.is_empty());
    let found = outcomes(&state.now.log);
    for (id, outcomes) in &found {
        assert_eq!(outcomes.len(), 1, "{id}: {outcomes:?}");
    }
    for id in promised {
        assert!(found.contains_key(id), "{id} is lost");
    }
    let report = verified(&[&state.now.log], &state.now.head);
    let log = String::from_utf8_lossy(&state.now.log);
    assert!(report.is_whole(), "{:#?}\n{log}", report.breaks);
}

/// Nothing is worth a word.
fn check_whole(disk: &Faulty) {
    let state = disk.state();
    let report = verified(&[&state.now.log], &state.now.head);
    assert!(report.is_whole() && report.facts.is_empty(), "{report:?}");
}

/// As a start does.
fn recover(disk: &Faulty) {
    journal::recover(&mut disk.clone(), &Arc::new(key()), Duration::ZERO).unwrap();
}

/// Cuts what wasn't synced at every byte, and recovers; then dies in the middle of that too.
fn crash_everywhere(image: &Image) {
    let logs = (image.log_synced..=image.log.len()).map(|log| (log, image.journal.len()));
    let journals = (image.journal_synced..=image.journal.len()).map(|end| (image.log.len(), end));
    for (log, journal) in logs.chain(journals) {
        let mut left = image.clone();
        left.log.truncate(log);
        left.journal.truncate(journal);
        let disk = Faulty::holding(left);
        recover(&disk);
        check_recovered(&disk, &image.promised);
    }
}

fn crash_in_recovery(image: &Image) {
    let disk = Faulty::holding(image.clone());
    recover(&disk);
    let history = disk.state().history.clone();
    history.iter().for_each(crash_everywhere);
}

#[test]
fn a_crash_at_any_byte_leaves_each_command_with_one_record() {
    let mut bench = Bench::new();
    bench.disk.state().behaviour.most = 50; // short writes, so more moments to die in
    let mut answers = vec![bench.intend(1), bench.intend(2)];
    bench.record(10);
    bench.writer.turn();
    bench.record(1);
    answers.push(bench.intend(3));
    bench.writer.turn();
    bench.record(11);
    bench.record(3);
    bench.queue.ask_reopen();
    bench.queue.count_unrecorded();
    let before_rotation = bench.disk.state().history.len();
    for mut answer in answers {
        assert_eq!(answer.try_recv(), Ok(Ok(())));
    }
    let history = bench.disk.state().history[..before_rotation].to_vec();
    history.iter().for_each(crash_everywhere);
    history.iter().step_by(7).for_each(crash_in_recovery);
    bench.writer.turn();
    let last = bench.disk.state().now.clone();
    assert!(outcomes(&last.log).contains_key(&id(3).to_string()));
    let journal = String::from_utf8(last.journal).unwrap();
    let open = format!("+{} {} {}\n", id(2), last.log.len(), line(2, "unknown"));
    assert_eq!(journal, open, "offsets count from the new file's start");
}

#[test]
fn an_intent_whose_sync_failed_is_refused_and_cut_away() {
    let mut bench = Bench::new();
    bench.disk.state().behaviour.sync_fails = true;
    let mut answered = bench.intend(1);
    bench.writer.turn();
    assert_eq!(answered.try_recv(), Ok(Err(LookupError::Unreachable)));
    assert!(!bench.queue.counters.healthy.get());
    bench.disk.state().behaviour.sync_fails = false;
    bench.retry();
    assert!(bench.queue.counters.healthy.get());
    assert_eq!(bench.disk.state().now.journal, b"\n");
    let mut answered = bench.intend(2);
    bench.writer.turn();
    assert_eq!(answered.try_recv(), Ok(Ok(())));
}

#[test]
fn an_intent_that_nobody_waits_for_is_not_written() {
    let mut bench = Bench::new();
    drop(bench.intend(1));
    bench.writer.turn();
    assert!(bench.disk.state().now.journal.is_empty());
}

/// Bytes of three records in a log.
fn three_lines() -> usize {
    let mut chain = Chain::new(Arc::new(key()), Link::default(), Origin::Genesis);
    let mut bytes = Vec::new();
    for number in 1..=3 {
        chain.seal(&line(number, "forwarded"), &mut bytes);
    }
    bytes.len()
}

#[test]
fn a_full_disk_keeps_everything_and_refuses_commands_until_it_has_space() {
    let whole = three_lines();
    for space in 0..whole {
        let mut bench = Bench::new();
        bench.disk.state().behaviour.space = Some(space);
        bench.record(1);
        bench.record(2);
        bench.record(3);
        assert_eq!(bench.writer.turn(), Turn::Open);
        let counters = &bench.queue.counters;
        assert!(!counters.healthy.get());
        assert_eq!((counters.waiting.get(), counters.written.get()), (3, 0));
        assert_eq!(counters.write_errors.get(), 1);
        let mut answered = bench.intend(4);
        bench.queue.count_unrecorded();
        bench.writer.turn();
        assert_eq!(answered.try_recv(), Ok(Err(LookupError::Unreachable)));
        bench.disk.state().behaviour.space = None;
        bench.retry();
        let counters = &bench.queue.counters;
        assert!(counters.healthy.get());
        assert_eq!((counters.waiting.get(), counters.written.get()), (0, 3));
        let log = bench.disk.log();
        let lines = bare(&log);
        let records = [1, 2, 3].map(|number| line(number, "forwarded"));
        assert_eq!(lines[..3], records);
        let note: Value = serde_json::from_str(&lines[3]).unwrap();
        assert_eq!(
            (&note["outcome"], &note["count"]),
            (&"unrecorded".into(), &1.into())
        );
        assert_eq!(lines.len(), 4);
        check_whole(&bench.disk);
    }
}

#[test]
fn a_rotation_gives_the_new_file_whole_lines_only() {
    let whole = three_lines();
    for space in 0..whole {
        let mut bench = Bench::new();
        bench.disk.state().behaviour.space = Some(space);
        bench.record(1);
        bench.record(2);
        bench.record(3);
        bench.writer.turn();
        bench.disk.state().behaviour.space = None;
        bench.queue.ask_reopen();
        bench.writer.turn();
        let state = bench.disk.state();
        let both = [&state.rotated[0][..], b"\n", &state.now.log[..]].concat();
        let found = outcomes(&both);
        let once = |number| found[&id(number).to_string()].len() == 1;
        assert!(once(1) && once(2) && once(3), "{space}");
        assert!(
            state
                .now
                .log
                .split(|b| *b == b'\n')
                .all(|line| line.is_empty() || line[0] == b'{')
        );
        let report = verified(&[&state.rotated[0], &state.now.log], &state.now.head);
        assert!(report.is_whole(), "{space}: {report:?}");
        assert_eq!(report.lines, 3, "{space}");
        let alone = verified(&[&state.now.log], &state.now.head);
        assert!(alone.is_whole(), "{space}: {alone:?}");
    }
}

#[test]
fn a_log_that_can_not_be_reopened_stays_in_use() {
    let mut bench = Bench::new();
    bench.disk.state().behaviour.reopen_fails = true;
    bench.queue.ask_reopen();
    bench.record(1);
    bench.writer.turn();
    assert!(!bench.queue.counters.healthy.get());
    assert_eq!(bare(&bench.disk.log()), [line(1, "forwarded")]);
    bench.disk.state().behaviour.reopen_fails = false;
    bench.retry();
    assert!(bench.queue.counters.healthy.get());
    assert_eq!(bench.disk.state().rotated.len(), 1);
}

#[test]
fn a_long_journal_shrinks_to_what_is_open() {
    let mut bench = Bench::new();
    let answered = bench.intend(0);
    for number in 1..40 {
        let mut long = intent(number);
        long.line = format!(r#"{{"id":"{}","x":"{}"}}"#, long.id, "x".repeat(60_000));
        let (answer, answered) = oneshot::channel();
        bench.queue.take_place().unwrap();
        bench.queue.push(Entry::Intent(long, answer));
        bench.record(number);
        bench.writer.turn();
        drop(answered);
        assert!(bench.disk.state().now.journal.len() < 1_200_000);
    }
    drop(answered);
    let state = bench.disk.state();
    let (first, rest) = (format!("+{} ", id(0)), format!("+{} ", id(1)));
    let journal = String::from_utf8(state.now.journal.clone()).unwrap();
    assert!(journal.contains(&first) && !journal.contains(&rest));
}

#[test]
fn a_torn_last_line_is_kept_completed_and_noted() {
    let mut chain = Chain::new(Arc::new(key()), Link::default(), Origin::Genesis);
    let mut whole = Vec::new();
    chain.seal(&line(1, "forwarded"), &mut whole);
    let mut second = Vec::new();
    chain.seal(&line(2, "forwarded"), &mut second);
    let second = String::from_utf8(second).unwrap();
    let table = [
        (
            second.trim_end(),
            2,
            0,
            "a whole line without its line feed",
        ),
        (second.trim_end_matches("}\n"), 2, 1, "a torn line"),
        (r#"{"id":"a","x"#, 2, 1, "a torn line without a number"),
        ("\u{0}\u{0}", 2, 1, "a hole"),
        ("{\n{\n{", 2, 1, "what several crashes tore"),
        ("", 1, 0, "nothing"),
    ];
    for (tail, lines, notes, why) in table {
        let log = [&whole[..], tail.as_bytes()].concat();
        let disk = Faulty::holding(Image {
            log: log.clone(),
            ..Image::default()
        });
        recover(&disk);
        let found = disk.log();
        assert!(found.as_bytes().starts_with(&log), "{why}: {found}");
        assert_eq!(found.matches("torn-line").count(), notes, "{why}: {found}");
        let report = verified(&[found.as_bytes()], b"");
        assert!(report.is_whole(), "{why}: {report:?}");
        assert_eq!(report.lines, lines, "{why}: {report:?}");
        let torn = |fact: &&_| matches!(fact, Fact::Torn { .. });
        let facts = report.facts.iter().map(|fact| &fact.what).filter(torn);
        assert_eq!(facts.count(), notes, "{why}: {report:?}");
        recover(&disk);
        assert_eq!(
            disk.log(),
            found,
            "{why}: a second recovery changes nothing"
        );
    }
}
