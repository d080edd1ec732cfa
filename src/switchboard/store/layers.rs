//! What lies over the board that the fleet shares?

use std::sync::Arc;

use uuid::Uuid;

use crate::clock;
use crate::switchboard::changes::{self, By, New};
use crate::switchboard::{Board, Closure, Scope};

/// Closures that stand in a file of this gateway begin so; the API and the fleet make none.
pub const FILE_PREFIX: &str = "file-";
/// Closures of a gateway that knows no board begin so.
pub const COLD_START_PREFIX: &str = "cold-start-";

/// What lies over what.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    /// What the fleet shares.
    pub(super) shared: Arc<Board>,
    /// The cold-start states, each until the shared board has a version of it.
    pub(super) cold: Vec<Arc<Closure>>,
    /// Closures of files: nothing overrules them.
    pub(super) files: Vec<Arc<Closure>>,
    /// The highest revision that was given out, perhaps for a change that is still being written.
    pub(super) given: u64,
}

impl Layers {
    pub(super) fn in_force(&self) -> Board {
        let of_no_file = |closure: &&Arc<Closure>| !is_file(closure);
        let shared = self.shared.closures().filter(of_no_file).cloned();
        let cold = self.cold.iter().cloned();
        let files = self.files.iter().cloned();
        Board::new(self.shared.revision(), shared.chain(cold).chain(files))
    }

    /// What a restart needs: all but the files, which are read again.
    pub(super) fn durable(&self) -> Board {
        let shared = self.shared.closures().cloned();
        Board::new(
            self.shared.revision(),
            shared.chain(self.cold.iter().cloned()),
        )
    }

    /// A revision for the next change, above all that are known or given out.
    pub(super) fn next_revision(&mut self) -> u64 {
        self.given = self.shared.revision().max(self.given).saturating_add(1);
        self.given
    }

    /// With another version of a closure that the fleet shares.
    pub(super) fn with(&self, closure: Closure) -> Self {
        self.merge(&Board::new(0, [Arc::new(closure)]))
    }

    /// With whatever another board knows better.
    pub(super) fn merge(&self, more: &Board) -> Self {
        Self {
            shared: Arc::new(self.shared.merge(more)),
            ..self.clone()
        }
    }
}

/// Whether it is a cold-start state that nobody changed since.
pub(super) fn is_cold(closure: &Closure) -> bool {
    closure.revision == 0 && closure.id.starts_with(COLD_START_PREFIX)
}

/// Whether it could only come from a file.
pub(super) fn is_file(closure: &Closure) -> bool {
    closure.id.starts_with(FILE_PREFIX)
}

/// Whether a version refuses less than the one on the board.
pub(super) fn lessens(board: &Board, closure: &Closure) -> bool {
    let before = board.get(&closure.id);
    before.is_some_and(|known| closure.state.severity() < known.state.severity())
}

/// The state of a gateway that knows nothing. `again`: it knew something once, so that these may have
/// been opened after an earlier start; then they are other closures.
pub(super) fn closed_surfaces(
    surfaces: &[String],
    again: bool,
) -> impl Iterator<Item = Arc<Closure>> {
    let at = clock::unix_time().as_secs();
    surfaces.iter().map(move |surface| {
        let scope = Scope {
            surfaces: [surface.clone()].into(),
            ..Scope::default()
        };
        let mut id = format!("{COLD_START_PREFIX}{surface}");
        if again {
            id = format!("{id}-{}", Uuid::new_v4().simple());
        }
        let new = New::closing(id, scope, "no switch board could be read".to_owned());
        let by = By {
            who: "vingate",
            at,
            revision: 0,
            break_glass: false,
        };
        Arc::new(changes::begin(new, by))
    })
}
