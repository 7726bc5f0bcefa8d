// Training runs: one that goes on while the stand-in runs, and one that is finished.
const total = 160
const stepSeconds = 0.5
const began = Date.now() - 45_000

function points(count) {
  return Array.from({ length: count }, (_, index) => {
    const progress = index / total
    const noise = Math.sin(index * 12.9898) * 0.06 + Math.sin(index * 78.233) * 0.05
    return {
      step: index + 1,
      loss: 0.9 + 1.7 * Math.exp(-5 * progress) + noise,
      learning_rate: 2e-4 * Math.min(1, index / 8) * (0.5 + 0.5 * Math.cos(Math.PI * progress)),
      grad_norm: 1.4 + 3 * Math.exp(-8 * progress) + Math.abs(noise) * 4,
    }
  })
}

function run(name, count, idle_seconds) {
  return {
    name,
    idle_seconds,
    total_steps: total,
    points: points(count),
    evaluations: points(count)
      .filter(({ step }) => step % 20 === 0)
      .map(({ step, loss }) => ({ step, loss: loss + 0.08 })),
    speeds: points(count).map(({ step }) => ({
      step,
      seconds: stepSeconds,
      tokens_per_second: 980 + 60 * Math.sin(step),
    })),
  }
}

export function runs() {
  const done = Math.floor((Date.now() - began) / 1000 / stepSeconds)
  const count = Math.max(1, Math.min(total, done))
  return [run('runs/sft', count, 0.4), run('.catena/stages/train/5f0c9a', total, 86_400)]
}
