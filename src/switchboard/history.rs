//! What is told of every change?
//!
//! One JSON object a change, for the switch log: who, what, when and why, and how much of what is
//! closed; no vehicle and no subject.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::clock;
use crate::switchboard::Closure;
use crate::switchboard::store::Swap;

/// Takes one line; never waits.
pub type Sink = Box<dyn Fn(Map<String, Value>) + Send + Sync>;

/// Hands on a line for each closure that changes in force, as this replica sees it, until the board
/// is dropped.
pub async fn keep(mut swaps: UnboundedReceiver<Swap>, replica: &str, sink: Sink) {
    while let Some(swap) = swaps.recv().await {
        let time = clock::unix_time();
        for closure in &swap.changed {
            sink(line(closure, closure.state.word(), replica, time));
        }
        for closure in &swap.gone {
            sink(line(closure, "gone", replica, time));
        }
    }
}

/// A line of this closure, whose state is now `state`.
fn line(closure: &Arc<Closure>, state: &str, replica: &str, time: Duration) -> Map<String, Value> {
    let change = &closure.change;
    let told = json!({
        "time": clock::rfc3339(time),
        "replica": replica,
        "id": closure.id,
        "revision": closure.revision,
        "what": change.what,
        "by": change.by,
        "asked_by": change.asked_by,
        "break_glass": change.break_glass,
        "at": clock::rfc3339(Duration::from_secs(change.at)),
        "state": state,
        "scope": closure.scope.summary(),
        "reason": closure.reason,
        "ticket": closure.ticket,
    });
    match told {
        Value::Object(line) => line,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::switchboard::Scope;
    use crate::switchboard::State;
    use crate::switchboard::changes::{self, By, New};
    use crate::switchboard::closure::What;
    use crate::switchboard::store::{ColdStart, Switchboard};

    #[tokio::test]
    async fn each_change_is_one_line_without_vehicles_and_subjects() {
        let folder = tempfile::tempdir().unwrap();
        let (board, _) = Switchboard::open(folder.path(), &ColdStart::default()).unwrap();
        let swaps = board.swaps();
        let scope = Scope {
            vehicles: ["SJNFAAZE0U0000001".to_owned()].into(),
            subjects: ["owners/anna".to_owned()].into(),
            ..Scope::default()
        };
        let by = |revision| By {
            who: "root",
            at: 1_800_000_000,
            revision,
            break_glass: true,
        };
        let new = New::closing("c-1".to_owned(), scope, "stolen".to_owned());
        board
            .close(|_, revision| Ok::<_, ()>(changes::begin(new, by(revision))))
            .unwrap();
        let open = |board: &crate::switchboard::Board, revision| {
            changes::set(
                board.get("c-1").unwrap(),
                State::Open,
                What::Open,
                by(revision),
            )
        };
        board.open_up(open).unwrap();
        drop(board);
        let (tell, told) = mpsc::channel();
        keep(swaps, "gw1", Box::new(move |line| tell.send(line).unwrap())).await;
        let lines: Vec<_> = told.iter().collect();
        let text = format!("{lines:?}");
        assert!(!text.contains("SJN") && !text.contains("anna"), "{text}");
        let facts = |at: usize| {
            let line: &Map<String, Value> = &lines[at];
            (
                line["what"].as_str().unwrap(),
                line["state"].as_str().unwrap(),
            )
        };
        assert_eq!(
            (facts(0), facts(1)),
            (("close", "closed"), ("open", "open"))
        );
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["scope"], "1 subject; 1 vehicle");
        assert_eq!(lines[0]["replica"], "gw1");
        assert_eq!(lines[0]["reason"], "stolen");
        assert_eq!(lines[0]["break_glass"], true);
    }
}
