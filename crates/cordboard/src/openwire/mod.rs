//! OpenWire as a transport: the broker inside. [openwire §7, §9]

pub mod broker;
