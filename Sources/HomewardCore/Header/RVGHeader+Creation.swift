extension RVGHeader {
    /// The header of a new RVG on the host that is its first Primary (`createpri`): epoch 1 begins with id 1.
    public static func newPrimary(
        rvg: RVGID,
        host: HostID,
        hostName: String,
        generator: inout SeededGenerator
    ) -> RVGHeader {
        let id: EpochID = generator.name()
        let epoch = Epoch(number: 1, id: id, host: host, hostName: hostName, kind: .creation, reign: id, closes: [])
        var history = History()
        history.open(epoch, at: UpdateID(1), dataBefore: 0)
        return RVGHeader(rvg: rvg, host: host, role: .primary, lineage: Lineage(history: history))
    }

    /// The header of a new Secondary (`addsec`): it holds nothing of the lineage, is inconsistent and detached, and has an
    /// RLINK to every other member.
    public static func newSecondary(rvg: RVGID, host: HostID, of primary: HostID, members: [LinkRecord]) -> RVGHeader {
        var header = RVGHeader(rvg: rvg, host: host, role: .secondary(of: primary), lineage: Lineage())
        header.links = members
        header.consistentFrom = .never
        return header
    }
}
