//! Which servers hold the keys, and are they the same ones a while later?
//!
//! Who reads or writes many keys one by one goes by no moment of its own. A server that took over or
//! was started again may have lost the last of them, and a slot that moves is seen twice or never:
//! whoever needs all of it looks before and after, and believes nothing in between if they differ.

use std::collections::BTreeSet;

use redis::{FromRedisValue, Value, cmd, from_redis_value};

use super::calls::Calls;
use crate::switchboard::fleet::FleetError;

/// Slots of a cluster.
const SLOTS: u32 = 16_384;

/// A server that holds keys: host and port, or the only one there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shard(pub(super) Option<(String, u16)>);

/// All of them at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shards {
    pub(super) each: Vec<Shard>,
    /// What each says of itself: who it is since it was started, and which slots it has.
    said: Vec<String>,
}

impl Shards {
    /// Whether slots are on their way from one to another: their keys may be seen twice, or never.
    pub(super) fn are_moving(&self) -> bool {
        self.said.iter().any(|said| said.contains('['))
    }
}

impl Calls {
    /// Which servers hold the keys now.
    ///
    /// # Errors
    /// One can't be asked, or slots are nobody's.
    pub(super) async fn shards(&self) -> Result<Shards, FleetError> {
        let each = if self.is_cluster {
            let mut ask = cmd("CLUSTER");
            ask.arg("SLOTS");
            let rows: Vec<Vec<Value>> = self.ask(self.timeout, &ask).await?;
            masters(rows).ok_or(FleetError::Unreachable)?
        } else {
            vec![Shard(None)]
        };
        let mut said = Vec::new();
        for shard in &each {
            let info: String = self.at(shard, &["INFO", "server"]).await?;
            let run = info.lines().find(|line| line.starts_with("run_id:"));
            said.push(run.ok_or(FleetError::Malformed)?.to_owned());
            if self.is_cluster {
                let text: String = self.at(shard, &["CLUSTER", "NODES"]).await?;
                said.push(of_itself(&text).ok_or(FleetError::Malformed)?);
            }
        }
        Ok(Shards { each, said })
    }

    async fn at<T: FromRedisValue>(&self, shard: &Shard, words: &[&str]) -> Result<T, FleetError> {
        let (name, rest) = words.split_first().ok_or(FleetError::Malformed)?;
        let mut ask = cmd(name);
        ask.arg(rest);
        self.ask_at(shard, self.timeout, &ask).await
    }
}

/// The masters that share all slots, of what a node knows of them (`CLUSTER SLOTS`): first and last of
/// a range, and who has it: host, port and more, the master first.
fn masters(rows: Vec<Vec<Value>>) -> Option<Vec<Shard>> {
    let mut found = BTreeSet::new();
    let mut covered = 0_u32;
    for row in rows {
        let mut row = row.into_iter();
        let mut number = || from_redis_value::<u32>(row.next()?).ok();
        let (first, last) = (number()?, number()?);
        covered = covered.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
        let mut node = from_redis_value::<Vec<Value>>(row.next()?)
            .ok()?
            .into_iter();
        let host: String = from_redis_value(node.next()?).ok()?;
        let port: u16 = from_redis_value(node.next()?).ok()?;
        if host.is_empty() {
            return None; // it doesn't know where it is
        }
        found.insert((host, port));
    }
    let each = found.into_iter().map(|address| Shard(Some(address)));
    (covered == SLOTS).then(|| each.collect())
}

/// Name and slots of the node that was asked.
fn of_itself(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.contains("myself"))?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (id, slots) = (words.first()?, words.get(8..)?);
    Some(format!("{id} {}", slots.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
a 127.0.0.1:7001@17001,host master - 0 1 1 connected 5461-10922
b 127.0.0.1:7000@17000 myself,master - 0 0 2 connected 0-5459 5460 [93-<-c]
";

    fn rows(rows: &[(i64, i64, &str, i64)]) -> Vec<Vec<Value>> {
        let node =
            |host: &str, port| Value::Array(vec![Value::BulkString(host.into()), Value::Int(port)]);
        let row = |&(first, last, host, port): &(i64, i64, &str, i64)| {
            vec![Value::Int(first), Value::Int(last), node(host, port)]
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn masters_are_those_that_share_all_slots() {
        let (first, second) = ((0, 5, "b", 1), (6, 16_383, "a", 2));
        let third = (6, 16_382, "a", 2);
        let found = masters(rows(&[first, second])).unwrap();
        let of = |host: &str, port| Shard(Some((host.to_owned(), port)));
        assert_eq!(found, [of("a", 2), of("b", 1)]);
        let last = (16_383, 16_383, "b", 1);
        assert_eq!(masters(rows(&[first, third, last])), Some(found));
        assert_eq!(masters(rows(&[first, third])), None, "one slot is nobody's");
        assert_eq!(masters(rows(&[(0, 16_383, "", 1)])), None);
        assert_eq!(masters(vec![vec![]]), None);
    }

    #[test]
    fn a_node_says_what_is_its_own_and_what_moves() {
        assert_eq!(of_itself(NODES).as_deref(), Some("b 0-5459 5460 [93-<-c]"));
        assert_eq!(of_itself("garbage"), None);
    }
}
