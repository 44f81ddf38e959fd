import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import Logging
import Testing

private let rvg = Trio.rvg
private let toSeattle = RLinkReference(diskGroup: "hrdg", rlink: "rlk_seattle_hr_rvg")
private let toLondon = RLinkReference(diskGroup: "hrdg", rlink: "rlk_london_hr_rvg")

@Suite(.serialized, .timeLimit(.minutes(2)))
struct LinkAndCheckpointTests {
    @Test("vxrlink: status, updates, pause on the Secondary, det and att")
    func links() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.refused("london", .pauseLink(toSeattle), .linkDetached)
            try await trio.done("london", .attachLink(toSeattle, how: .identical, consent: true))
            #expect(try await trio.done("london", .attachLink(toSeattle, how: .identical, consent: true)).already)
            try await trio.write("london", at: 0, 1)
            try await trio.upToDate("london", "seattle")
            try await trio.refused("london", .linkUpdates(toSeattle), .notSecondary)
            guard case .updates(let updates) = try await trio.ask("seattle", .linkUpdates(toLondon)) else { return }
            #expect(updates.secondaryID == updates.primaryID)

            try await trio.done("seattle", .pauseLink(toLondon))
            #expect(try await trio.done("seattle", .pauseLink(toLondon)).already)
            try await trio.write("london", at: 4096, 2)
            try await trio.waitUntil("london sees that seattle takes nothing, and why") {
                let link = try await trio.link("london", to: "seattle")
                return link.behindUpdates > 0 && link.state == "PAUSE"
            }
            #expect(try trio.read("seattle", at: 4096) == 0)
            for (host, peer) in [("london", "seattle"), ("seattle", "london")] {
                let link = try await trio.link(host, to: peer)
                #expect(link.state == "PAUSE" && link.flags.contains("secondary_paused"), "\(host): \(link)")
                #expect(!link.flags.contains("primary_paused"), "\(host): \(link)")
            }
            try await trio.done("seattle", .resumeLink(toLondon))
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")

            try await trio.done("london", .detachLink(toSeattle))
            try await trio.waitUntil("seattle is detached too") {
                try await trio.link("seattle", to: "london").state == "STALE"
            }
            try await trio.done("london", .attachLink(toSeattle, how: .identical, consent: true))
            try await trio.upToDate("london", "seattle")
        }
    }

    @Test("a copy made by hand between checkstart and checkend is good for startrep -c, once somebody says so")
    func checkpointsByHand() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.write("london", at: 0, 1)
            try await trio.refused("london", .checkEnd(rvg), .unknownCheckpoint)
            try await trio.done("london", .checkStart(rvg, name: "cp"))
            #expect(try await trio.done("london", .checkStart(rvg, name: "cp")).already)
            try await trio.refused("london", .checkStart(rvg, name: "other"), .checkpointOpen)
            let start = Request.startReplication(rvg, secondary: nil, how: .checkpoint("cp"), consent: true)
            try await trio.refused("london", start, .checkpointIncomplete)
            for volume in ["dv01", "dv02"] {
                let content = try Data(contentsOf: URL(fileURLWithPath: trio.path("london", volume)))
                let handle = try #require(FileHandle(forWritingAtPath: trio.path("seattle", volume)))
                try handle.write(contentsOf: content)
                try handle.close()
            }
            try await trio.write("london", at: 4096, 2)
            try await trio.done("london", .checkEnd(rvg))
            #expect(try await trio.done("london", .checkEnd(rvg)).already)
            try await trio.write("london", at: 8192, 3)
            try await trio.refused(
                "london",
                .startReplication(rvg, secondary: nil, how: .checkpoint("cp"), consent: false),
                .needsConsent
            )
            try await trio.done("london", start)
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
            guard case .checkpoints(let list) = try await trio.ask("london", .listCheckpoints(rvg)) else { return }
            #expect(list.map(\.name) == ["cp"] && list[0].state == "completed")
            try await trio.done("london", .checkDelete(rvg, name: "cp"))
            try await trio.refused("london", .checkDelete(rvg, name: "cp"), .unknownCheckpoint)
            try await trio.refused(
                "london",
                .checkStart(rvg, name: String(repeating: "n", count: 20)),
                .badName
            )
        }
    }

    @Test("a stopped RVG serves nobody, a returned Primary opens by force only")
    func startAndStop() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            do {
                let opened = try trio.open("london")
                try await trio.refused("london", .stopRVG(rvg), .volumeOpen)
                opened.session.close()
            }
            try await trio.done("london", .stopRVG(rvg))
            #expect(try await trio.done("london", .stopRVG(rvg)).already)
            let refusal = #expect(throws: Refusal.self) { try trio.open("london") }
            #expect(refusal?.code == .rvgStopped)
            try await trio.done("london", .startRVG(rvg, force: false))
            #expect(try await trio.done("london", .startRVG(rvg, force: false)).already)
            try await trio.write("london", at: 0, 1)
            try await trio.upToDate("london", "seattle")

            await trio.stop("seattle")
            await trio.stop("london")
            try await trio.start("london")
            try await trio.refused("london", .startRVG(rvg, force: false), .fenced)
            let blocked = try await trio.member("london")
            #expect(blocked.state == "fenced" && blocked.reason?.contains("seattle") == true)
            // Whom it waits for is not taken out of its way by the by.
            let stop = Request.stopReplication(rvg, secondary: "seattle", force: true, consent: true)
            try await trio.refused("london", stop, .fenced)
            try await trio.refused("london", .detachLink(toSeattle), .fenced)
            try await trio.refused("london", .deleteSecondary(rvg, secondary: "seattle"), .fenced)
            try await trio.refused("london", .migrate(rvg, to: "seattle", consent: true), .fenced)
            try await trio.done("london", .startRVG(rvg, force: true))
            try await trio.waitUntil("london is open") { try await trio.member("london").state == "enabled" }
            try await trio.write("london", at: 4096, 2)
            try await trio.start("seattle")
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
        }
    }

    @Test("an RVG whose volume is gone is shown with the reason, and can be given up")
    func unopened() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.restart("seattle", without: "dv02")
            let shown = try await trio.member("seattle")
            #expect(shown.state == "failed" && shown.reason?.contains("dv02") == true, "\(shown)")
            try await trio.refused("seattle", .takeover(rvg, force: false), .ioError)
            try await trio.done("seattle", .deletePrimary(rvg, force: true))
            #expect(try await trio.ask("seattle", .hostStatus).host?.rvgs.isEmpty == true)
        }
    }

    @Test("two hosts cannot use one directory, nor one volume")
    func locks() async throws {
        try await Trio.run { trio in
            let same = #expect(throws: Refusal.self) {
                try HostEngine(settings: trio.settings("london"), logger: Logger(label: "twice"))
            }
            #expect(same?.code == .hostDirectoryLocked)
            try await trio.refused(
                "seattle",
                .createVolume(
                    diskGroup: "hrdg",
                    volume: "stolen",
                    path: trio.path("london", "dv01"),
                    isDevice: false,
                    size: nil
                ),
                .volumeLocked
            )
        }
    }

    @Test("an RVG whose log fails is shut by name, and the others of the host go on")
    func deviceFailure() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            for (volume, size) in [("ov01", UInt64(1 << 20)), ("osrl", 2 << 20)] {
                try await trio.done(
                    "london",
                    .createVolume(
                        diskGroup: "hrdg",
                        volume: volume,
                        path: trio.path("london", volume),
                        isDevice: false,
                        size: size
                    )
                )
            }
            try await trio.done(
                "london",
                .createPrimary(diskGroup: "hrdg", rvg: "other", volumes: ["ov01"], log: "osrl")
            )
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
            try await trio.done("london", .pauseReplication(rvg, secondary: nil))
            try await trio.write("london", at: 0, 1)
            #expect(truncate(trio.path("london", "srl"), 0) == 0)
            // The stream reads what waits from the log; the command may see the failure or end before it.
            _ = try? await trio.ask("london", .resumeReplication(rvg, secondary: nil))
            try await trio.waitUntil("the RVG has failed") { try await trio.member("london").state == "failed" }
            let refusal = #expect(throws: Refusal.self) { try trio.open("london") }
            #expect(refusal?.code == .ioError || refusal?.code == .logDamaged, "\(String(describing: refusal))")
            try await trio.write("london", "ov01", at: 0, 5)
            #expect(try trio.read("london", "ov01", at: 0) == 5)
            try await trio.waitUntil("seattle hears of it") {
                try await trio.refusalCode("seattle", .takeover(rvg, force: false)) == nil
            }
            #expect(try await trio.done("seattle", .takeover(rvg, force: false)).already)
            #expect(try trio.read("seattle", at: 4096) == 0)
        }
    }
}
