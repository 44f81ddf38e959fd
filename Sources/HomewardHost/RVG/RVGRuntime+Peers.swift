import HomewardAdministration
import HomewardCore
import HomewardThreads
import HomewardWire
import Logging

/// What leaves for other hosts, and what comes from them: a lane with a thread of its own.
extension RVGRuntime {
    func drainPeers() -> UInt64 {
        while true {
            var effects = NodeEffects()
            let (messages, records) = state.withLock { state in
                state.node.pullForPeers(now: HostClock.now, into: &effects) { peer in
                    state.buckets[peer]?.isReady(now: HostClock.now) ?? true
                }
            }
            for message in messages { deliver(message) }
            for departure in records { deliver(departure) }
            carryOut(effects)
            let pause = beginReads()
            if messages.isEmpty, records.isEmpty { return min(max(pause ?? 100, 1), 100) }
        }
    }

    private func deliver(_ departure: RVGMachine.Departure) {
        guard let session = state.withLock({ $0.sessions[departure.session] }) else { return }
        do {
            let (kind, payload) = try PeerFrames.encode(departure.message, rvg: id)
            network.send(session, channel: kind.channel, kind: kind.rawValue, payload: payload)
        } catch {
            logger.error("a message could not be encoded", metadata: ["error": "\(error)"])
        }
    }

    private func deliver(_ departure: RVGMachine.RecordDeparture) {
        guard let session = state.withLock({ $0.sessions[departure.session] }) else { return }
        var sent: [SentRecord] = []
        sent.reserveCapacity(departure.records.count)
        do {
            for record in departure.records {
                let payload =
                    record.payloadBytes == 0
                    ? []
                    : try ring.bytes(
                        at: LogPosition(record.position.value + UInt64(Record.headerBytes)),
                        count: Int(record.payloadBytes)
                    )
                guard checksum(payload) == record.payloadCRC || payload.isEmpty else {
                    if state.withLock({ $0.node.machine.mustHold(record, of: departure) }) {
                        return failed(damaged(record))
                    }
                    return drive { $0.recordsNotSent(departure, into: &$1) }
                }
                sent.append(SentRecord(record: record, payload: payload))
            }
            let message = ReplicationMessage.records(
                departure.attach,
                epoch: departure.epoch,
                marks: departure.marks,
                sent
            )
            let (kind, payload) = try PeerFrames.encode(.replication(message), rvg: id)
            state.withLock { $0.spend(UInt64(payload.count), on: departure.peer, now: HostClock.now) }
            network.send(session, channel: kind.channel, kind: kind.rawValue, payload: payload)
        } catch let refusal as Refusal {
            failed(refusal)
        } catch {
            logger.error("records could not be encoded", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Events of the network

    /// A session has begun.
    ///
    /// Ignored when its end or a later one was told before: the sessions that are there when an RVG is opened are told to it
    /// by another thread than those that come and go meanwhile.
    package func peerConnected(_ session: PeerSession, host: HostID, name: String) {
        step { state, effects in
            guard session.number > state.newestSession[host] ?? 0 else { return }
            state.newestSession[host] = session.number
            state.sessions[session.number] = session
            state.node.step(now: HostClock.now, wallTime: HostClock.wall, into: &effects) { machine, core in
                machine.peerConnected(host, name: name, session: session.number, now: HostClock.now, into: &core)
            }
        }
    }

    package func peerDisconnected(_ session: PeerSession, host: HostID, reason: String) {
        step { state, effects in
            state.newestSession[host] = max(session.number, state.newestSession[host] ?? 0)
            state.sessions[session.number] = nil
            state.node.sessionEnded(
                host,
                session: session.number,
                reason: reason,
                now: HostClock.now,
                wallTime: HostClock.wall,
                into: &effects
            )
        }
    }

    /// Blocks may be read again for a peer to whom enough was on its way.
    func peerHasRoom() { wake([.peers]) }

    /// The number of the session whose messages of a host are taken; nil while there is none.
    package func session(with host: HostID) -> UInt64? {
        state.withLock { $0.node.machine.peer(host)?.session }
    }

    /// The host is there, its part of the RDS is not any more.
    func peerForgot(_ host: HostID) {
        step { state, effects in
            state.node.step(now: HostClock.now, wallTime: HostClock.wall, into: &effects) { machine, core in
                machine.contactLost(with: host, now: HostClock.now, into: &core)
            }
        }
    }

    func received(_ message: PeerMessage, from host: HostID, session: PeerSession) {
        step { state, effects in
            var kept: [(UInt64, UnsafeMutableRawBufferPointer)] = []
            var next = state.nextPayload
            state.node.received(
                message,
                from: host,
                session: session.number,
                now: HostClock.now,
                wallTime: HostClock.wall,
                into: &effects
            ) { bytes in
                let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
                copy.copyBytes(from: bytes)
                kept.append((next, copy))
                defer { next += 1 }
                return PayloadReference(buffer: next, offset: 0, count: bytes.count)
            }
            state.nextPayload = next
            for (key, copy) in kept {
                state.owned[key] = copy
                state.payloads[key] = UnsafeRawBufferPointer(copy)
            }
        }
    }
}
