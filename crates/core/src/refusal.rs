//! Every way the exchange says no. Free of transport: each `translate.rs` turns it into its protocol's code.

use crate::call::{Cause, PartState};
use thiserror::Error;

/// Why a command was not done. Nothing changed when one is answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The user acted for is not in the directory.
    #[error("no such user")]
    NoSuchUser,
    /// The device is not in the directory.
    #[error("no such device")]
    NoSuchDevice,
    /// The user acted for has no device at all, and none was named.
    #[error("the user has no device")]
    NoDeviceForUser,
    /// The device does not carry that line now.
    #[error("the line is not on that device")]
    LineNotOnDevice,
    /// The device is somebody else's.
    #[error("not allowed for this user")]
    NotAllowed,
    /// Acting for another user needs the proxy right.
    #[error("acting for another user needs the proxy right")]
    NoProxyRight,
    /// The device is not registered, or went away.
    #[error("the device is out of service")]
    DeviceOutOfService,
    /// The telephone network is away.
    #[error("the telephone network is not reachable")]
    NetworkDown,
    /// The driver said nothing in time.
    #[error("the telephone network did not answer in time")]
    NetworkSilent,
    /// The part is in a state that does not fit the command.
    #[error("the call is {0} there")]
    WrongState(PartState),
    /// Another feature is still being carried out on the same audio path.
    #[error("the device is still busy with an earlier request")]
    InProgress,
    /// No live call by that id, or somebody else's.
    #[error("no such call")]
    NoSuchCall,
    /// The number has characters that no number has.
    #[error("not a telephone number")]
    BadNumber,
    /// The network refused the number or the feature.
    #[error("not reachable: {0}")]
    Unreachable(Cause),
    /// The device already has as many calls as it can carry.
    #[error("the device has no free call")]
    TooManyCalls,
    /// The exchange has as many calls as it was configured to carry.
    #[error("the exchange is at its capacity")]
    Overloaded,
    /// Nobody may log in to that device, nor out of it.
    #[error("Extension Mobility is off on that device")]
    MobilityOff,
    /// Somebody sits at that device.
    #[error("somebody is logged in to that device")]
    SeatTaken,
    /// Nobody sits at that device.
    #[error("nobody is logged in to that device")]
    SeatFree,
    /// No such profile, or the user has none.
    #[error("no such device profile")]
    NoSuchProfile,
    /// The user sits elsewhere, and may only sit at one device.
    #[error("the user is logged in elsewhere")]
    SeatedElsewhere,
    /// The automatic log-out could not be set or removed.
    #[error("the automatic log-out cannot be set or removed")]
    TimerUnavailable,
    /// Takeovers are switched off.
    #[error("takeovers are switched off")]
    TakeoverOff,
    /// Somebody is already to take the device over.
    #[error("a takeover of that device is already under way")]
    TakeoverUnderWay,
    /// No takeover there can be called off or undone.
    #[error("no takeover of that device can be called off or undone now")]
    NoTakeover,
    /// The fact could not be stored, so the change was taken back.
    #[error("the change could not be stored")]
    StoreUnavailable,
}
