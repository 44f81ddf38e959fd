import HomewardCore

/// takeover, on a third host that is asked to promise (OperationSteps, b).
extension RVGNode {
    /// Another Secondary announces a takeover: promise to take no frame of the reign that it ends, or say why not.
    package mutating func takeoverAnnounced(
        _ transaction: TransactionID,
        epoch: Epoch,
        firstID: UpdateID,
        history: History,
        dataCount: UInt64,
        from host: HostID,
        into effects: inout NodeEffects
    ) {
        let token = transaction.rawValue
        do {
            try requireMayPromise(epoch, firstID, history, dataCount, to: host)
        } catch {
            return vote(.no(error), token: token, to: host, &effects)
        }
        if case .takeover? = operation {
            abandonOperation(
                machine.refuse(
                    .operationInProgress,
                    "\(machine.label(of: host)) takes over at the same time and goes first",
                    hint: "see how it ends: vradmin -g \(machine.diskGroup) printrvg \(machine.name)"
                ),
                &effects
            )
        }
        machine.header.pending.append(.takeover(transaction, by: host, epoch: epoch, firstID: firstID))
        machine.forgetStream()
        machine.headerChanged(&effects.core)
        vote(.yes, token: token, to: host, &effects)
    }

    private func requireMayPromise(
        _ epoch: Epoch,
        _ firstID: UpdateID,
        _ history: History,
        _ dataCount: UInt64,
        to host: HostID
    ) throws(Refusal) {
        if machine.isOpen {
            throw machine.refuse(
                .primaryReachable,
                "\(machine.hostName) is an open Primary",
                hint: machine.command("printrvg")
            )
        }
        if let followed = machine.header.follows, machine.peer(followed)?.contact?.open == true, followed != host {
            throw machine.refuse(
                .primaryReachable,
                "\(machine.hostName) is connected to the open Primary \(machine.label(of: followed))",
                hint: "use migrate, or mend the link between \(machine.label(of: host)) and "
                    + machine.label(of: followed)
            )
        }
        if case .takeover(let own)? = operation {
            let committed = own.phase == .opening
            if committed || machine.header.host < host {
                throw machine.refuse(
                    .operationInProgress,
                    "\(machine.hostName) is taking over itself",
                    hint: "wait for its end"
                )
            }
        }
        if let doubt = machine.header.pending.first(where: { if case .takeover = $0 { $0.peer != host } else { false } }
        ) {
            throw machine.refuse(
                .transactionInDoubt,
                "\(machine.hostName) promised to let \(machine.label(of: doubt.peer)) take over",
                hint: "ask \(machine.label(of: doubt.peer)) first"
            )
        }
        if dataCount != Prepare.overruling,
            let doubt = machine.header.pending.first(where: { if case .migrate = $0 { $0.peer != host } else { false } }
            )
        {
            throw machine.refuse(
                .transactionInDoubt,
                "\(machine.label(of: doubt.peer)) may have handed its role to \(machine.hostName)",
                hint: hintToTakeOverHere
            )
        }
        let mine = machine.header.lineage.history
        guard !machine.header.isPrimary, dataCount != Prepare.overruling, machine.isImageConsistent else { return }
        // What was written since then is here, and the copy that is to take over never had it.
        if let since = machine.header.lineage.closing(reignOf: history), holdsUpdates(since: since) {
            throw machine.refuse(
                .betterSecondary,
                "\(machine.hostName) holds what was written since \(since.hostName) became Primary (epoch \(since.number)), "
                    + "and \(machine.label(of: host)) holds data of before",
                hint: hintToTakeOverHere
            )
        }
        guard machine.dataCount > dataCount,
            mine.fork(with: history).map({ $0.firstID >= firstID }) ?? false
        else { return }
        throw machine.refuse(
            .betterSecondary,
            "\(machine.hostName) holds \(machine.dataCount - dataCount) more updates of the same history (up to \(machine.end))",
            hint: hintToTakeOverHere
        )
    }

    /// This host is the better one for it; whom it is told decides.
    private var hintToTakeOverHere: String {
        "take over there: " + machine.command("takeover", options: "-N", on: machine.hostName) + "; or here with -f"
    }

    /// Whether this host holds data records of an epoch or of later ones.
    private func holdsUpdates(since epoch: Epoch) -> Bool {
        guard let entry = machine.header.lineage.history.entries.first(where: { $0.epoch.id == epoch.id }) else {
            return false
        }
        // Of a reign whose opening epoch was dropped the first one that is known counts nothing.
        return epoch.kind == .uncleanStart || entry.dataBefore < machine.dataCount
    }
}
