internal import VarvePlatform
internal import VarveProof
internal import VarveSimulation

// varve-proof PROOF [OPTION VALUE]…: the programs behind Tools/damage-sweep, Tools/fault-loop,
// Tools/crash-images and others. Prints what it does to stderr, one summary line to stdout, and
// leaves with 1 when a promise was broken, 2 when it was called wrongly.

var arguments = CommandLine.arguments.dropFirst()
let proof = arguments.popFirst() ?? ""
let options = Options(Array(arguments))
Report.begin()
let seed = options.number("seed").map { UInt64($0) } ?? UInt64.random(in: 0..<1 << 32)

switch proof {
case "damage": Report.finish(proof, seed: nil, Proofs.damage(stride: options.number("stride") ?? 1))
case "faults": Report.finish(proof, seed: seed, Proofs.faults(seed: seed))
case "images":
    Report.finish(
        proof, seed: seed, Proofs.images(count: options.number("count") ?? 100_000, seed: seed))
default:
    say("varve-proof: no proof \"\(proof)\"\n", to: StandardStreams.error)
    ProcessControl.exitNow(2)
}
