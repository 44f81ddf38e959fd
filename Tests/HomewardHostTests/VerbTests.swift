import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import Testing

private let rvg = Trio.rvg

/// The verbs of an RDS on whole hosts, one process, real files and sockets.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct VerbTests {
    @Test("an RDS is made, filled, stopped, synchronized, started again and taken apart")
    func life() async throws {
        try await Trio.run { trio in
            try await trio.makeSet(attributes: [Attribute(name: "synchronous", value: "override")])
            #expect(try await trio.link("london", to: "seattle").settings.synchronous == .override)
            let add = Request.addSecondary(
                rvg,
                primary: "london",
                secondary: "seattle",
                secondaryDiskGroup: nil,
                attributes: []
            )
            #expect(try await trio.done("london", add).already)
            try await trio.write("london", at: 0, 1)
            try await trio.refused(
                "london",
                .startReplication(rvg, secondary: nil, how: .checkpoint("nope"), consent: true),
                .unknownCheckpoint
            )
            let sync = Trio.synchronize("seattle")
            guard case .synchronized(let reports) = try await trio.ask("seattle", sync) else { return }
            #expect(reports.count == 1 && reports[0].volumes.map(\.differing).reduce(0, +) == 64 << 10)
            guard case .synchronized(let again) = try await trio.ask("london", sync) else { return }
            #expect(again[0].already)
            try await trio.write("london", "dv02", at: 8192, 2)
            try await trio.startReplication("seattle", .checkpoint("cp"))
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
            #expect(try trio.read("seattle", at: 0) == 1)

            try await trio.done("seattle", .pauseReplication(rvg, secondary: nil))
            try await trio.write("london", at: 4096, 3)
            #expect(try await trio.link("london", to: "seattle").behindUpdates > 0)
            try await trio.done("london", .resumeReplication(rvg, secondary: "seattle"))
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")

            try await trio.refused("london", .deleteSecondary(rvg, secondary: "seattle"), .linkAttached)
            try await trio.refused("london", .deletePrimary(rvg, force: true), .linkAttached)
            try await trio.refused(
                "london",
                .stopReplication(rvg, secondary: nil, force: false, consent: false),
                .needsConsent
            )
            try await trio.done("london", .stopReplication(rvg, secondary: nil, force: false, consent: true))
            try await trio.done("london", .deleteSecondary(rvg, secondary: "seattle"))
            #expect(try await trio.ask("seattle", .hostStatus).host?.rvgs.isEmpty == true)
            try await trio.refused("london", .deletePrimary(rvg, force: false), .volumeInUse)
            try await trio.done("london", .stopRVG(rvg))
            try await trio.done("london", .deletePrimary(rvg, force: false))
            try await trio.refused("london", .linkStatus(RLinkReference(rlink: "rlk_seattle_hr_rvg")), .unknownRLink)
            #expect(try trio.read("london", at: 4096) == 3)
        }
    }

    @Test("startrep -f is refused when a sample differs, and when lineage says the two are not identical")
    func notIdentical() async throws {
        try await Trio.run { trio in
            try trio.plant("seattle", "dv01", at: 0, 9)
            for block in 1..<32 { try trio.plant("seattle", "dv01", at: UInt64(block) << 16, 9) }
            try await trio.makeSet()
            let start = Request.startReplication(rvg, secondary: nil, how: .identical, consent: true)
            try await trio.refused("london", start, .copyDiffers)
            #expect(try await trio.link("london", to: "seattle").state == "STALE")
            for block in 0..<32 { try trio.plant("seattle", "dv01", at: UInt64(block) << 16, 0) }
            try await trio.done("london", start)
            try await trio.write("london", at: 0, 1)
            try await trio.upToDate("london", "seattle")
            try await trio.done("london", .stopReplication(rvg, secondary: nil, force: false, consent: true))
            // Identical, and lineage proves it.
            try await trio.done("london", start)
            try await trio.upToDate("london", "seattle")
            try await trio.done("london", .stopReplication(rvg, secondary: nil, force: false, consent: true))
            try await trio.write("london", at: 4096, 2)
            try await trio.refused("london", start, .notUpToDate)
        }
    }

    @Test("syncrvg -verify finds a planted difference on a paused Secondary; -full sends every block")
    func verification() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            try await trio.write("london", at: 0, 1)
            try await trio.upToDate("london", "seattle")
            let verify = Request.verify(rvg, secondaries: ["seattle"], consent: true)
            try await trio.refused("london", verify, .linkAttached)
            try await trio.done("london", .pauseReplication(rvg, secondary: nil))
            guard case .synchronized(let clean) = try await trio.ask("london", verify) else { return }
            #expect(clean[0].volumes.allSatisfy { $0.differing == 0 && $0.compared == Trio.volumeSize })
            try trio.plant("seattle", "dv02", at: 1 << 20, 7)
            guard case .synchronized(let found) = try await trio.ask("london", verify) else { return }
            #expect(found[0].volumes.map(\.differing) == [0, 64 << 10])
            try await trio.write("london", at: 0, 2)
            try await trio.refused("london", verify, .notUpToDate)

            try await trio.done("london", .stopReplication(rvg, secondary: nil, force: false, consent: true))
            let sync = Trio.synchronize("seattle", checkpoint: "full", full: true)
            guard case .synchronized(let full) = try await trio.ask("london", sync) else { return }
            #expect(full[0].volumes.allSatisfy { $0.differing == Trio.volumeSize })
            try await trio.startReplication("seattle", .checkpoint("full"))
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
        }
    }

    @Test("a takeover while the Primary is cut off, and the way home by makesec, syncrvg and migrate")
    func failback() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            try await trio.write("london", at: 0, 1)
            try await trio.upToDate("london", "seattle")
            try await trio.refused("seattle", .takeover(rvg, force: false), .primaryReachable)
            #expect(try await trio.done("seattle", .makeSecondary(rvg, newPrimary: "london", force: false)).already)
            try await trio.refused("london", .makeSecondary(rvg, newPrimary: "seattle", force: false), .notPrimary)
            try await trio.partition("london", "seattle")
            try await trio.write("london", at: 4096, 2)
            let took = try await trio.done("seattle", .takeover(rvg, force: false))
            #expect(took.takeover?.oldPrimary == "london" && took.takeover?.lostAtLeast == 0)
            #expect(took.takeover?.lastHeardID != nil)
            #expect(try await trio.done("seattle", .takeover(rvg, force: false)).already)
            try await trio.write("seattle", at: 8192, 3)
            try await trio.partition("london", "seattle", false)
            try await trio.waitUntil("london is fenced") { try await trio.member("london").state == "fenced" }
            #expect(throws: Refusal.self) { try trio.open("london") }
            let lost = try await trio.refused(
                "london",
                .makeSecondary(rvg, newPrimary: "seattle", force: false),
                .unsentUpdates
            )
            #expect(lost.message.contains("1 update of"))
            let outcome = try await trio.done("london", .makeSecondary(rvg, newPrimary: "seattle", force: true))
            #expect(outcome.discarded?.updates == 1 && outcome.discarded?.salvageFile != nil, "\(outcome)")
            #expect(try await trio.done("london", .makeSecondary(rvg, newPrimary: "seattle", force: false)).already)
            guard
                case .synchronized(let reports) = try await trio.ask(
                    "london",
                    Trio.synchronize("london", checkpoint: "back")
                )
            else { return }
            #expect(reports[0].volumes.map(\.differing) == [64 << 10, 0])
            try await trio.done(
                "london",
                .startReplication(rvg, secondary: "london", how: .checkpoint("back"), consent: true)
            )
            try await trio.upToDate("seattle", "london")
            try await trio.refused("london", .migrate(rvg, to: "london", consent: false), .needsConsent)
            try await trio.done("london", .migrate(rvg, to: "london", consent: true))
            #expect(try await trio.done("london", .migrate(rvg, to: "london", consent: true)).already)
            #expect(try await trio.done("seattle", .migrate(rvg, to: "london", consent: true)).already)
            try await trio.write("london", at: 12288, 4)
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
            #expect(try (0..<4).map { try trio.read("seattle", at: $0 * 4096) } == [1, 0, 3, 4])
        }
    }

    @Test("open sessions refuse makesec and migrate, and the refusal names who holds the volume")
    func openSessions() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
            let opened = try trio.open("london")
            let refusal = try await trio.refused("london", .migrate(rvg, to: nil, consent: true), .volumeOpen)
            #expect(refusal.message.contains("pid 4711") && refusal.message.contains("dv01"))
            #expect(await opened.write(at: 0, 1) == nil)
            try await trio.partition("london", "seattle")
            try await trio.done("seattle", .takeover(rvg, force: false))
            try await trio.partition("london", "seattle", false)
            try await trio.waitUntil("london is fenced") { try await trio.member("london").state == "fenced" }
            let second = try await trio.refused(
                "london",
                .makeSecondary(rvg, newPrimary: "seattle", force: true),
                .volumeOpen
            )
            #expect(second.message.contains("pid 4711"))
            opened.session.close()
            try await trio.done("london", .makeSecondary(rvg, newPrimary: "seattle", force: true))
        }
    }

    @Test("describe shows every member from every host; one that is away is shown as last known")
    func views() async throws {
        try await Trio.run(Trio.names) { trio in
            try await trio.makeSet(["seattle", "dublin"])
            try await trio.startReplication("seattle")
            try await trio.startReplication("dublin")
            try await trio.upToDate("london", "dublin")
            for host in Trio.names {
                guard case .rds(let sets) = try await trio.ask(host, .describe(diskGroup: nil, rvgs: ["hr_rvg"])) else {
                    continue
                }
                #expect(sets[0].primary == "london" && sets[0].members.count == 3, "\(host)")
                #expect(sets[0].members.allSatisfy(\.reachable) && sets[0].links.count == 2, "\(host)")
            }
            await trio.stop("dublin")
            guard case .rds(let sets) = try await trio.ask("seattle", .describe(diskGroup: "hrdg", rvgs: [])) else {
                return
            }
            let away = sets[0].members.first { $0.host == "dublin" }
            #expect(away?.reachable == false && away?.age != nil && sets[0].primary == "london")
            try await trio.refused(
                "london",
                .stopReplication(rvg, secondary: nil, force: false, consent: true),
                .ambiguous
            )
            try await trio.refused(
                "london",
                .stopReplication(rvg, secondary: "dublin", force: false, consent: true),
                .hostUnreachable
            )
            try await trio.done("london", .stopReplication(rvg, secondary: "dublin", force: true, consent: true))
            try await trio.done("london", .migrate(rvg, to: "seattle", consent: true))
            try await trio.start("dublin")
            try await trio.waitUntil("dublin follows seattle") { try await trio.member("dublin").follows == "seattle" }
            #expect(try await trio.member("dublin").links.allSatisfy { $0.state == "STALE" })
        }
    }
}
