//! Agents who are watched, and what their legs say of them. [cti §5.2, §7]

use super::translate::{Leg, Person, Place, Terminal};
use cordboard_wire::cti::{AgentId, AgentState, ClientDestination, ConnectionId, DialogState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The legs of a place, in the order in which they came into being.
pub(super) type Legs = BTreeMap<ConnectionId, Leg>;

/// An agent who is logged in.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    /// His extension.
    pub(super) id: AgentId,
    /// Where he is told of; more than one only where logins are shared.
    pub(super) topics: Vec<ClientDestination>,
    /// The broker's users who logged him in; more than one only where logins are shared.
    pub(super) users: BTreeSet<String>,
    /// Does he take no calls, and why?
    pub(super) not_ready: Option<String>,
    /// The phone he is watched at, if there is one.
    pub(super) terminal: Option<Terminal>,
    /// The line on it.
    pub(super) place: Option<Place>,
    /// His line moved while he had a leg; where it is now is looked up when he has none.
    pub(super) moved: bool,
    /// Who is at the phone.
    pub(super) person: Person,
    /// What was told last of what he is doing.
    pub(super) state: AgentState,
    /// Since when, in milliseconds since 1970.
    pub(super) since_ms: i64,
}

/// What of him survives a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) topics: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) users: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) not_ready: Option<String>,
    pub(super) since_ms: i64,
}

impl Agent {
    /// Where he is told of first.
    pub(super) fn topic(&self) -> Option<&ClientDestination> {
        self.topics.first()
    }

    /// His record for the store.
    pub(super) fn kept(&self) -> Kept {
        Kept {
            topics: self.topics.iter().map(ToString::to_string).collect(),
            users: self.users.clone(),
            not_ready: self.not_ready.clone(),
            since_ms: self.since_ms,
        }
    }

    /// Did that user of the broker log him in?
    pub(super) fn is_of(&self, user: Option<&str>) -> bool {
        user.is_some_and(|user| self.users.contains(user))
    }

    /// What he is doing with no leg.
    pub(super) fn idle(&self) -> AgentState {
        match self.not_ready {
            None => AgentState::Ready,
            Some(_) => AgentState::NotReady,
        }
    }

    /// What he is doing with these legs, and which of them says so. [cti §5.2]
    pub(super) fn doing<'a>(&self, legs: &'a Legs) -> (AgentState, Option<&'a Leg>) {
        let newest = |fits: fn(DialogState) -> bool| {
            let fitting = legs.values().filter(|leg| fits(leg.state));
            fitting.max_by_key(|leg| (leg.started_ms, leg.id))
        };
        let coming = |state| {
            matches!(
                state,
                DialogState::Initiating
                    | DialogState::Initiated
                    | DialogState::Alerting
                    | DialogState::Failed
            )
        };
        if let Some(leg) = newest(|state| state == DialogState::Active) {
            (AgentState::Talking, Some(leg))
        } else if let Some(leg) = newest(coming) {
            (AgentState::Reserved, Some(leg))
        } else if let Some(leg) = newest(|state| state == DialogState::Held) {
            (AgentState::Hold, Some(leg))
        } else {
            (self.idle(), None)
        }
    }
}

/// Puts a leg as it is now among the others; one that is over goes.
pub(super) fn put(legs: &mut Legs, leg: &Leg) {
    if leg.state == DialogState::Dropped {
        legs.remove(&leg.id);
    } else {
        legs.insert(leg.id, leg.clone());
    }
}

/// Before which of these changes an agent's new state is told: the first after which it is what it is after all of them. `None` when
/// that is what was told last. [exchange §4]
pub(super) fn turn(agent: &Agent, legs: &Legs, changes: &[&Leg]) -> Option<usize> {
    let mut legs = legs.clone();
    let states: Vec<AgentState> = changes
        .iter()
        .map(|leg| {
            put(&mut legs, leg);
            agent.doing(&legs).0
        })
        .collect();
    let last = *states.last()?;
    if last == agent.state {
        return None;
    }
    let others = states.iter().rposition(|state| *state != last);
    Some(others.map_or(0, |index| index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::cti::translate::{CallId, DirectoryNumber};

    fn agent(state: AgentState) -> Agent {
        Agent {
            id: AgentId::parse("42031").unwrap(),
            topics: Vec::new(),
            users: BTreeSet::new(),
            not_ready: None,
            terminal: None,
            place: None,
            moved: false,
            person: Person::default(),
            state,
            since_ms: 0,
        }
    }

    fn leg(number: u32, state: DialogState) -> Leg {
        Leg {
            id: ConnectionId::new(number).unwrap(),
            place: Place {
                line: DirectoryNumber::bare("42031"),
                device: "SEP1".into(),
            },
            state,
            others: Vec::new(),
            changed_ms: 0,
            started_ms: i64::from(number),
            inbound: false,
            cause: None,
            call: CallId::from("c-1"),
            consultation_of: None,
            conference: false,
        }
    }

    fn legs(all: &[Leg]) -> Legs {
        all.iter().map(|leg| (leg.id, leg.clone())).collect()
    }

    #[test]
    fn an_agent_does_what_his_most_telling_leg_does() {
        use DialogState::{Active, Alerting, Failed, Held, Initiated};
        for (states, state, deciding) in [
            (&[][..], AgentState::Ready, None),
            (&[Held, Active, Alerting], AgentState::Talking, Some(2)),
            (&[Alerting, Held, Initiated], AgentState::Reserved, Some(3)),
            (&[Failed, Held], AgentState::Reserved, Some(1)),
            (&[Held, Held], AgentState::Hold, Some(2)),
        ] {
            let all: Vec<_> = (1..).zip(states).map(|(n, s)| leg(n, *s)).collect();
            let legs = legs(&all);
            let agent = agent(AgentState::Ready);
            let (found, by) = agent.doing(&legs);
            assert_eq!((found, by.map(|leg| leg.id.number())), (state, deciding));
        }
        let away = Agent {
            not_ready: Some("lunch".into()),
            ..agent(AgentState::Ready)
        };
        assert_eq!(away.doing(&Legs::new()), (AgentState::NotReady, None));
    }

    #[test]
    fn a_state_is_told_before_the_first_change_after_which_it_holds() {
        use DialogState::{Active, Alerting, Dropped, Held};
        // A transfer: the call goes, then the consultation; only then is he free. [cti §7.9]
        let before = legs(&[leg(1, Held), leg(2, Active)]);
        let changes = [leg(1, Dropped), leg(2, Dropped)];
        let changes: Vec<&Leg> = changes.iter().collect();
        assert_eq!(
            turn(&agent(AgentState::Talking), &before, &changes),
            Some(1)
        );
        // Another call is answered while he talks: he goes on talking. [cti §7.4]
        let before = legs(&[leg(1, Active), leg(2, Alerting)]);
        let changes = [leg(1, Held), leg(2, Active)];
        let changes: Vec<&Leg> = changes.iter().collect();
        assert_eq!(turn(&agent(AgentState::Talking), &before, &changes), None);
        assert_eq!(turn(&agent(AgentState::Ready), &Legs::new(), &[]), None);
        let one = leg(3, Alerting);
        assert_eq!(
            turn(&agent(AgentState::Ready), &Legs::new(), &[&one]),
            Some(0)
        );
    }
}
