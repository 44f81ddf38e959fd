/// Why something was not done.
///
/// An expected answer, not a defect: the request was understood, and nothing was changed.
///
/// The same fields reach everybody: `--json` and HTTP as `{"error": {…}}`, Lua as a table, people as ``description``.
/// A broken invariant traps; it is never a `Refusal`.
public struct Refusal: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// Stable; scripts match on it.
    ///
    /// All codes stand in ``RefusalCode``.
    public let code: RefusalCode
    /// What is wrong, with the values that make it wrong.
    public let message: String
    /// The next command that would work.
    public let hint: String
    /// The object as the operator would type it: `hrdg/hr_rvg`, `hrdg/hr_dv01`, `london`.
    public let object: String
    /// The host that refused; filled in by the host on the way out.
    public var host: String?

    public init(_ code: RefusalCode, _ object: String, _ message: String, hint: String, host: String? = nil) {
        self.code = code
        self.object = object
        self.message = message
        self.hint = hint
        self.host = host
    }

    public var description: String {
        let place = host.flatMap { $0 == object ? nil : "\($0): " } ?? ""
        return "\(place)\(object): \(message) [\(code.rawValue)]\n  hint: \(hint)"
    }
}
