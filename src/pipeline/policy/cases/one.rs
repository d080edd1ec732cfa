//! Which one case is meant, and what does it ask?

use std::collections::BTreeSet;

use crate::config::Mistakes;
use crate::denial::Denial;
use crate::pipeline::policy::cases::file::Case;
use crate::pipeline::policy::cases::{Setting, Sheet};
use crate::pipeline::policy::explain::Wanted;
use crate::pipeline::policy::source::Source;
use crate::pipeline::policy::{PolicySet, Question};

/// A question of a case, and what came out.
pub(crate) struct Told<'a> {
    /// Where it stands, and who does what to what.
    pub(crate) head: String,
    pub(crate) answer: Result<(), Denial>,
    /// The deciding policies.
    pub(crate) by: &'a BTreeSet<String>,
}

/// Puts the questions of one case, the one that is wanted.
pub(crate) fn put_each(
    policies: &PolicySet,
    sources: Vec<Source>,
    wanted: Wanted<'_>,
    put: &mut dyn FnMut(Told<'_>, Question<'_>),
    mistakes: &mut Mistakes,
) {
    let sheets: Vec<Sheet> = sources.into_iter().map(Sheet).collect();
    let mut read = Vec::new();
    for sheet in &sheets {
        read.extend(sheet.read(mistakes).map(|(file, now)| (sheet, file, now)));
    }
    let mut found = Vec::new();
    for (sheet, file, now) in &read {
        let named = |case: &&Case| wanted.names(case.name.get_ref());
        found.extend(
            file.case
                .iter()
                .filter(named)
                .map(|one| (sheet, file, *now, one)),
        );
    }
    let exact = |case: &Case| wanted.case == Some(case.name.get_ref().as_str());
    if found.iter().any(|(.., case)| exact(case)) {
        found.retain(|(.., case)| exact(case));
    }
    let [(sheet, file, now, case)] = found.as_slice() else {
        let asked = wanted.case.unwrap_or("any");
        mistakes.add(asked, "no case of this name, or more than one");
        for (sheet, _, _, case) in found {
            let message = format!("`{}`", case.name.get_ref());
            mistakes.add(sheet.at(case.name.span().start), message);
        }
        return;
    };
    let place = sheet.at(case.name.span().start);
    let cars = sheet.cars(file, mistakes);
    match Setting::of(case, file, &cars, *now) {
        Ok(setting) => setting.put(policies, (&place, wanted.action), put, mistakes),
        Err(message) => mistakes.add(place, message),
    }
}

impl Setting<'_> {
    /// Puts the questions to whoever explains them.
    fn put(
        &self,
        policies: &PolicySet,
        (place, wanted): (&str, Option<&str>),
        put: &mut dyn FnMut(Told<'_>, Question<'_>),
        mistakes: &mut Mistakes,
    ) {
        let (kind, subject) = (self.principal.kind, &self.principal.subject);
        let name = self.case.name.get_ref();
        let mut found = false;
        for action in &self.case.actions {
            if wanted.is_some_and(|wanted| wanted != action) {
                continue;
            }
            found = true;
            if let Err(message) = self.is_known(policies, action) {
                mistakes.add(place, message);
                continue;
            }
            let target = match self.car {
                Some((vin, _)) => format!("vehicle `{}`", vin.as_str()),
                None => format!("surface `{}`", self.case.surface),
            };
            let (answer, by) = self.decide(policies, action);
            let told = Told {
                head: format!("{place}: {name}\n{kind:?} `{subject}` does {action} to {target}:"),
                answer,
                by: &by,
            };
            self.with_question(action, |question| put(told, question));
        }
        if !found {
            mistakes.add(place, "the case has no such action");
        }
    }
}
