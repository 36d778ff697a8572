internal import VarvePlatform
internal import VarveProof
internal import VarveSimulation

// varve-proof PROOF [--OPTION VALUE]…: the programs behind Tools/prove, Tools/power-cuts and
// Tools/sick-disk. Says on stderr how far it is, prints violations and one summary line on stdout,
// and leaves with 1 when a promise was broken, 2 when it was called wrongly.

var arguments = CommandLine.arguments.dropFirst()
let proof = arguments.popFirst() ?? ""
let options = Options(Array(arguments))
Report.begin()
let seed = options.number("seed").map { UInt64($0) } ?? UInt64.random(in: 0..<1 << 32)

switch proof {
case "damage":
    Report.finish(proof, seed: nil, Proofs.damage(stride: options.number("stride") ?? 1))
case "faults":
    let rounds = options.number("rounds") ?? 1
    Report.finish(proof, seed: seed, Proofs.faults(seed: seed, rounds: rounds))
case "images":
    Report.finish(
        proof, seed: seed, Proofs.images(count: options.number("count") ?? 100_000, seed: seed))
case "interleavings":
    Report.finish(
        proof, seed: seed, Proofs.interleavings(count: options.number("count") ?? 2000, seed: seed))
case "kills":
    let kills = Kills(
        count: options.number("count") ?? 10_000, seed: seed,
        directory: options.required("directory"))
    Report.finish(proof, seed: seed, kills.run())
case "power-cuts":
    let mounts = options.required("mounts").split(separator: ",").map(String.init)
    let devices = options.required("devices").split(separator: ",").map(String.init)
    let cuts = PowerCuts(
        count: options.number("count") ?? 10_000, seed: seed,
        places: zip(mounts, devices).enumerated().map { index, pair in
            PowerCuts.Place(
                mount: pair.0, device: pair.1,
                ledger: options.required("ledgers") + "/ledger-\(index)")
        })
    Report.finish(proof, seed: seed, cuts.run())
case "sick-disk":
    do {
        Report.finish(proof, seed: seed, try SickDisk.run(options, seed: seed))
    } catch {
        say("varve-proof: \(error)\n", to: StandardStreams.error)
        ProcessControl.exitNow(1)
    }
case "check":
    var result = ProofResult()
    do {
        let (ledger, broken) = try Check.run(
            data: options.required("data"), ledger: options.required("ledger"),
            now: Int64(options.number("now") ?? 1_767_225_700_000))
        result.count = ledger.batchCount
        for sentence in broken { result.add(violation: sentence) }
    } catch {
        result.add(violation: "\(error)")
    }
    Report.finish(proof, seed: nil, result)
case "soak-full-disk", "soak-descriptors":
    let soak = Soak(
        directory: options.required("directory"), ledger: options.required("ledger"),
        seconds: options.number("seconds") ?? 120, seed: seed)
    do {
        Report.finish(
            proof, seed: seed,
            try proof == "soak-full-disk" ? soak.fullDisk() : soak.descriptors())
    } catch {
        say("violation: \(error)\n")
        ProcessControl.exitNow(1)
    }
case "work":
    Worker.run(options, seed: seed)
default:
    say("varve-proof: no proof \"\(proof)\"\n", to: StandardStreams.error)
    ProcessControl.exitNow(2)
}
