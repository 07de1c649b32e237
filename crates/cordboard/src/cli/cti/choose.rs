//! Which call is meant when none is named: the only one that fits.

use super::show;
use cordboard_client::cti::{Agent, Leg};
use cordboard_wire::cti::{ConnectionId, DialogState};

/// What is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Answer it.
    Answer,
    /// Hold it, or send tones into it.
    Hold,
    /// Take it back from hold.
    Retrieve,
    /// End it.
    Release,
    /// Transfer it, or hold it and ask somebody else.
    Send,
    /// Join it with the call to who was asked.
    Join,
    /// Put one of its parties out.
    Drop,
}

/// The call that is meant.
///
/// # Errors
/// Says that there is none, or which there are.
pub(super) fn choose(agent: Option<&Agent>, wish: Wish) -> Result<ConnectionId, String> {
    use DialogState::{Active, Alerting, Held};
    let legs = agent.map_or(&[][..], |agent| agent.legs.as_slice());
    let of = |states: &[DialogState]| -> Vec<&Leg> {
        let legs = legs.iter();
        legs.filter(|leg| states.contains(&leg.state)).collect()
    };
    let fitting = match wish {
        Wish::Answer => of(&[Alerting]),
        Wish::Hold => of(&[Active]),
        Wish::Retrieve => of(&[Held]),
        Wish::Release if legs.len() == 1 => legs.iter().collect(),
        Wish::Release => of(&[Active]),
        Wish::Send if of(&[Active]).len() == 1 => of(&[Active]),
        Wish::Send => of(&[Held]),
        // The call that was there first is the one that is joined. [cti §7.9]
        Wish::Join => of(&[Active, Held]).into_iter().take(1).collect(),
        Wish::Drop => legs.iter().filter(|leg| leg.others.len() > 1).collect(),
    };
    match fitting.as_slice() {
        [one] => one
            .connection
            .ok_or_else(|| "the connector told no connection id of that call; name it".to_owned()),
        [] if legs.is_empty() => Err("there is no call".to_owned()),
        [] => Err(format!(
            "no call is in a state for that; there is {}",
            listed(legs)
        )),
        _ => Err(format!("name one of the calls: {}", listed(legs))),
    }
}

fn listed(legs: &[Leg]) -> String {
    let all: Vec<_> = legs.iter().map(show::leg).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_client::cti::Model;
    use cordboard_wire::cti::{AgentId, Received, decode_event};

    /// An agent with these legs, each `id state others`.
    fn agent(legs: &[&str]) -> Agent {
        let mut model = Model::default();
        for leg in legs {
            let parts: Vec<_> = leg.split(' ').collect();
            let body = format!("1#DialogState#{}#t#{}#{}", parts[1], parts[0], parts[2]);
            match decode_event(&body) {
                Received::Known(event, _) => model.fold(&event),
                Received::Raw(raw) => panic!("{raw}"),
            }
        }
        let id = AgentId::parse("1").unwrap();
        model.agent(&id).unwrap().clone()
    }

    fn chosen(legs: &[&str], wish: Wish) -> Result<u32, String> {
        choose(Some(&agent(legs)), wish).map(ConnectionId::number)
    }

    #[test]
    fn the_only_call_that_fits_is_meant() {
        let consulting = ["7 HELD 2", "8 ACTIVE 3"];
        for (legs, wish, id) in [
            (&["7 ALERTING 2"][..], Wish::Answer, 7),
            (&["7 ACTIVE 2", "8 ALERTING 3"], Wish::Answer, 8),
            (&["7 ACTIVE 2", "8 ALERTING 3"], Wish::Hold, 7),
            (&["7 HELD 2"], Wish::Retrieve, 7),
            (&["7 HELD 2"], Wish::Release, 7),
            (&["7 INITIATED 2"], Wish::Release, 7),
            (&consulting, Wish::Release, 8),
            (&["7 HELD 2"], Wish::Send, 7),
            (&["7 ACTIVE 2"], Wish::Send, 7),
            (&consulting, Wish::Send, 8),
            (&consulting, Wish::Join, 7),
            (&["7 ACTIVE 2,3"], Wish::Drop, 7),
        ] {
            assert_eq!(chosen(legs, wish), Ok(id), "{legs:?} {wish:?}");
        }
    }

    #[test]
    fn what_is_not_clear_is_said() {
        let two = ["7 HELD 2", "8 HELD 3"];
        let said = chosen(&two, Wish::Retrieve).unwrap_err();
        assert_eq!(said, "name one of the calls: 7 HELD with 2; 8 HELD with 3");
        let said = chosen(&["7 HELD 2"], Wish::Answer).unwrap_err();
        assert_eq!(
            said,
            "no call is in a state for that; there is 7 HELD with 2"
        );
        assert_eq!(choose(None, Wish::Hold), Err("there is no call".to_owned()));
        let said = chosen(&["0 ACTIVE 2"], Wish::Hold).unwrap_err();
        assert!(said.contains("no connection id"), "{said}");
    }
}
