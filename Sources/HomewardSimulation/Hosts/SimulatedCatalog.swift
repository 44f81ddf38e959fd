import HomewardCore

/// What a host's catalog names: the RVGs that it opens when it starts.
///
/// Replaced as a whole in one durable transaction, as ``CatalogStore`` promises: after a failure or a crash the old stands,
/// or the new.
struct SimulatedCatalog {
    private(set) var rvgs: [RVGID] = []
    /// What the next replacement meets.
    var ailment: Fault?

    func names(_ rvg: RVGID) -> Bool { rvgs.contains(rvg) }

    mutating func add(_ rvg: RVGID) throws(Refusal) {
        if let fault = ailment {
            ailment = nil
            let why = fault == .noSpace ? "No space left on device" : "Input/output error"
            throw Refusal(.ioError, "catalog", why, hint: "make room and repeat the command")
        }
        if !names(rvg) { rvgs.append(rvg) }
    }

    mutating func remove(_ rvg: RVGID) { rvgs.removeAll { $0 == rvg } }
}
