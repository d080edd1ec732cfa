//! Which user and which groups does a Unix id belong to?
//!
//! `/etc/passwd` and `/etc/group`, as they are at the moment of the call. Users of a directory service
//! are known by their numbers.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// The user whom this process runs as, as in records.
pub(crate) fn own_name() -> String {
    match fs::metadata("/proc/self") {
        Ok(own) => Accounts::read().user(own.uid()),
        Err(_) => "unknown".to_owned(),
    }
}

/// The users and groups of this machine.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    users: String,
    groups: String,
}

impl Accounts {
    /// As they are now. What can't be read names nobody.
    pub(super) fn read() -> Self {
        let text = |file: &str| {
            let text = fs::read_to_string(file);
            text.unwrap_or_else(|error| {
                tracing::warn!(target: "vingate::admin", file, %error, "no accounts can be read");
                String::new()
            })
        };
        Self {
            users: text("/etc/passwd"),
            groups: text("/etc/group"),
        }
    }

    /// From these texts.
    #[cfg(test)]
    pub(super) fn of(users: &str, groups: &str) -> Self {
        Self {
            users: users.to_owned(),
            groups: groups.to_owned(),
        }
    }

    /// The user's name, or else its number.
    pub(super) fn user(&self, uid: u32) -> String {
        let found = entries(&self.users).find(|(_, number, _)| *number == uid);
        found.map_or_else(|| uid.to_string(), |(name, _, _)| name.to_owned())
    }

    /// Names of the user's groups: its primary one, the one that it calls with, and those that list
    /// it.
    pub(super) fn groups(&self, user: &str, gid: u32) -> BTreeSet<String> {
        let primary = entries(&self.users)
            .find(|(name, _, _)| *name == user)
            .and_then(|(_, _, rest)| rest.first()?.parse::<u32>().ok());
        let belongs = |number: u32, rest: &[&str]| {
            let members = rest.first().map_or("", |members| members.trim());
            number == gid || Some(number) == primary || members.split(',').any(|m| m == user)
        };
        entries(&self.groups)
            .filter(|(_, number, rest)| belongs(*number, rest))
            .map(|(name, _, _)| name.to_owned())
            .collect()
    }

    /// The number of a group.
    pub(super) fn group(&self, name: &str) -> Option<u32> {
        entries(&self.groups)
            .find(|(found, _, _)| *found == name)
            .map(|(_, number, _)| number)
    }
}

/// `name:password:number:...`, a line each (passwd(5), group(5)).
fn entries(text: &str) -> impl Iterator<Item = (&str, u32, Vec<&str>)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number = fields.nth(1)?.parse().ok()?;
        Some((name, number, fields.collect()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\n\nbroken\nnight:x:1001:100::/:/bin/sh\n\
                         other:x:1001:100::/:/bin/sh\n:x:7:7::/:/bin/sh\n";
    const GROUPS: &str = "root:x:0:\nusers:x:100:\nops:x:200:day,night\nwatch:x:300:nightly\n\
                          broken\nsome:x:400:\n";

    #[test]
    fn a_user_is_named_by_the_first_line_with_its_number() {
        let accounts = Accounts::of(USERS, GROUPS);
        for (uid, expected) in [(0, "root"), (1001, "night"), (7, "7"), (1002, "1002")] {
            assert_eq!(accounts.user(uid), expected, "{uid}");
        }
    }

    #[test]
    fn groups_are_the_primary_one_the_one_in_use_and_those_that_list_the_user() {
        let accounts = Accounts::of(USERS, GROUPS);
        let table: [(&str, u32, &[&str]); 4] = [
            ("night", 100, &["ops", "users"]),
            ("night", 400, &["ops", "some", "users"]),
            ("root", 0, &["root"]),
            ("nobody", 9, &[]),
        ];
        for (user, gid, expected) in table {
            let found: Vec<_> = accounts.groups(user, gid).into_iter().collect();
            assert_eq!(found, expected, "{user} {gid}");
        }
        assert_eq!(accounts.group("ops"), Some(200));
        assert_eq!(accounts.group("night"), None);
    }
}
