/** What `plan --explain` says of each recipe, in our words: why, what was measured where, and when another fits better. */
import type { RecipeName } from "../config/recipes.js";

export interface RecipeText {
  readonly why: string;
  readonly sources: readonly string[];
  /** What the sources report. */
  readonly measured: readonly string[];
  /** When another recipe, or none, fits better. */
  readonly otherwise: string;
  /** What the source puts into the stage's mixture; null: nothing particular. */
  readonly mixture: string | null;
}

const IBRAHIM = "Ibrahim et al. 2024, arXiv 2403.08763";
const GUPTA = "Gupta et al. 2023, arXiv 2308.04014";
const SINGH = "Singh et al. 2025, arXiv 2503.02844";
const PARMAR = "Parmar et al. 2024, arXiv 2407.07263";
const MINICPM = "Hu et al. 2024 (MiniCPM), arXiv 2404.06395";
const HAEGELE = "Hägele et al. 2024, arXiv 2405.18392";
const LLAMA_3 = "Llama 3, arXiv 2407.21783";
const OLMO_2 = "OLMo 2, arXiv 2501.00656";
const HEPHAESTUS = "Zhuang et al. 2025 (Hephaestus), arXiv 2502.06589";

const RE_WARM = {
  why: "A base that was decayed learns little at its last rate. Raising the rate lets it adapt, letting it fall again brings the loss down, and old data among the new holds what it knew. The peak, half to all of the base's, trades adapting for forgetting.",
  sources: [IBRAHIM, GUPTA],
  warmUp:
    "Raising the rate makes the loss rise at first, even on the base's own data (Gupta et al.); how long the warm-up is hardly matters (Ibrahim et al.).",
};
const WSD_MEASURED =
  "Loss as with a cosine schedule when the decay takes about 10 % of the tokens; 2.5 % was too short (MiniCPM).";
const PAPER_RATES = "The paper's learning rates are not known to us: filled in is";

export const RECIPE_TEXTS: Readonly<Record<RecipeName, RecipeText>> = {
  "re-warm-weak": {
    why: RE_WARM.why,
    sources: RE_WARM.sources,
    measured: [RE_WARM.warmUp],
    otherwise:
      "`from-minimum`, where the new data is like the old and the aim is general quality; a low constant rate, for a few billion tokens on a strong base; `re-warm-strong`, where the new data is another language or another kind of text.",
    mixture: null,
  },
  "re-warm-strong": {
    why: RE_WARM.why,
    sources: RE_WARM.sources,
    measured: [
      "405M, Pile to German, no replay: at the base's last rate throughout 3.22 (old data) and 1.21 (new), re-warmed to its peak 3.56 and 1.11 (Ibrahim et al.).",
      RE_WARM.warmUp,
    ],
    otherwise:
      "Meant for a strong shift over some 100B tokens or more. `re-warm-weak`, where new and old data are alike; a low constant rate, for a few billion tokens on a strong base.",
    mixture: null,
  },
  "from-minimum": {
    why: "Going on at the rate that the base ended with keeps what it learned while annealing; a cosine down to a hundredth of that lets it settle on the new data.",
    sources: [PARMAR],
    measured: [
      "15B parameters after 8T tokens, 300B more: the average of their benchmarks went from 48.9 to 56.1, 9 % above naive continuation; every warm-up that they tried hurt.",
    ],
    otherwise:
      "`re-warm-strong`, for a strong shift and 100B tokens or more: at the lowest rate too little is learned.",
    mixture: "A general blend first, then one rich in questions and answers.",
  },
  infinite: {
    why: "After one warm-up and a cooldown the rate stays constant for as long as data comes: no length has to be known before, and new data needs no second warm-up. Anneal only a copy that is to be released.",
    sources: [IBRAHIM, SINGH],
    measured: [
      "Better than repeated cosine schedules for images and for language models (Singh et al.).",
      "That the anneal makes up for the constant rate was seen where all data was of one kind, and is open for strong shifts (Ibrahim et al.).",
    ],
    otherwise: "`re-warm-weak` or `re-warm-strong`, where the length is fixed and nothing follows.",
    mixture: null,
  },
  "wsd-stable": {
    why: "A constant rate on the general blend: the run can be made longer, and every checkpoint is a place to begin a decay from.",
    sources: [MINICPM, HAEGELE],
    measured: [WSD_MEASURED, "Constant rate and cooldown scale as predictably as cosine (Hägele et al.)."],
    otherwise: "`re-warm-weak` or `re-warm-strong`, where one stage does all.",
    mixture: "The general blend; the best data is kept for the decay.",
  },
  "wsd-decay": {
    why: "The loss comes down while the rate falls, whatever was read before: so the best data is kept for here.",
    sources: [MINICPM, HAEGELE],
    measured: [WSD_MEASURED],
    otherwise:
      "`anneal`, where nothing follows: this one ends at our default of a tenth of its peak, so that the run can go on. MiniCPM's decay is `decay: { form: exponential }`.",
    mixture: "The best data, beside the general blend.",
  },
  anneal: {
    why: "The rate falls in a line to zero on a curated mixture: the end of a training, after which only a new peak goes on.",
    sources: [LLAMA_3, OLMO_2],
    measured: [
      "Llama 3: with maths in the mixture the 8B model gained 24.0 % on GSM8K and 6.4 % on MATH, the 405B model next to nothing.",
      "OLMo 2 7B: average 53.0 to 62.9, GSM8K 24.1 to 67.5, with 5 to 10 % of the compute; averaging several anneals was never worse than the best of them.",
    ],
    otherwise: "`wsd-decay`, where another stage follows.",
    mixture: "Curated: the domain's best data up-sampled.",
  },
  "hephaestus-1": {
    why: `The whole corpus, so that agent knowledge comes in while text and code stay. ${PAPER_RATES} the constant rate of \`wsd-stable\`, as the best data comes in the next stage.`,
    sources: [HEPHAESTUS, MINICPM],
    measured: ["About 36 % agent data gave the lowest benchmark losses; both less and more were worse."],
    otherwise: "`re-warm-strong`, where no stage of better data follows.",
    mixture: "Agent : code : text = 1 : 1 : 1.",
  },
  "hephaestus-2": {
    why: `Only the high-quality seed data: calls, plans, their refinement, interaction and code. ${PAPER_RATES} the decay of \`wsd-decay\`.`,
    sources: [HEPHAESTUS, MINICPM, HAEGELE],
    measured: ["The paper's ablation leaves this stage out; its numbers are not known to us."],
    otherwise: "`anneal`, where no instruction stage follows; a little replay, where general losses rise.",
    mixture: "Seed data only.",
  },
  "hephaestus-3": {
    why: `Instruction tuning: what the model learned becomes answers and calls. ${PAPER_RATES} a warm-up of 1 % and a cosine to a tenth of the peak.`,
    sources: [HEPHAESTUS],
    measured: ["The paper used 95.0K samples."],
    otherwise: "None: leave this stage out where another program does the instruction tuning.",
    mixture: "Instruction data, with the loss on the answers (`packing: whole`).",
  },
};
