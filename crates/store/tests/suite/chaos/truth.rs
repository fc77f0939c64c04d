//! The model: what each path may hold by what was acknowledged.
//!
//! A write that failed or was cut short may have happened: then its path has more than one possible
//! state, until a whole read or the next acknowledged write settles it.

use super::content::Content;
use super::operation::PATHS;

/// What a path holds; nothing when there is no object.
pub(super) type State = Option<Content>;

/// All paths.
pub(super) struct Truth {
    states: Vec<Vec<State>>,
    writing: Vec<bool>,
}

impl Truth {
    pub(super) fn new() -> Self {
        Self {
            states: vec![vec![None]; PATHS],
            writing: vec![false; PATHS],
        }
    }

    /// All that a path may hold now.
    pub(super) fn possible(&self, path: usize) -> Vec<State> {
        self.states[path].clone()
    }

    /// A write of a path begins: from now on it may hold any of these too.
    pub(super) fn begin(&mut self, path: usize, would: &[State]) {
        self.writing[path] = true;
        for state in would {
            if !self.states[path].contains(state) {
                self.states[path].push(*state);
            }
        }
    }

    /// A write was acknowledged: the path holds one of these.
    pub(super) fn acknowledge(&mut self, path: usize, now: Vec<State>) {
        self.writing[path] = false;
        self.states[path] = now;
    }

    /// A write failed, and may have happened.
    pub(super) fn doubt(&mut self, path: usize) {
        self.writing[path] = false;
    }

    /// The server ended: what was under way may have happened.
    pub(super) fn doubt_all(&mut self) {
        self.writing.fill(false);
    }

    /// A read that began when `before` was possible saw `seen`; `whole` reads settle the path.
    pub(super) fn judge(
        &mut self,
        path: usize,
        mut before: Vec<State>,
        fits: impl Fn(&State) -> bool,
        whole: bool,
    ) -> Result<(), String> {
        let quiet = !self.writing[path] && before == self.states[path];
        before.extend(&self.states[path]);
        before.retain(|state| fits(state));
        let Some(seen) = before.first() else {
            let expected = &self.states[path];
            return Err(format!("is none of what it may be: {expected:?}"));
        };
        if quiet && whole {
            self.states[path] = vec![*seen];
        }
        Ok(())
    }

    /// Paths whose state is known, and which nobody writes now.
    pub(super) fn settled(&self, path: usize) -> Option<State> {
        match &self.states[path][..] {
            [only] if !self.writing[path] => Some(*only),
            _ => None,
        }
    }
}
