// Holds custom resources against their schemas: a JSON list of documents on stdin, what is wrong with them on stdout, a line each.
// The schemas find wrong types and missing names. A key that does not exist they let pass.
import { readFileSync } from "node:fs";

const packages = {
  "argoproj.io/v1alpha1": (kind) =>
    `@kubernetes-models/${kind.includes("Workflow") ? "argo-workflows" : "argo-cd"}/argoproj.io/v1alpha1`,
  "cert-manager.io/v1": () => "@kubernetes-models/cert-manager/cert-manager.io/v1",
  "gateway.networking.k8s.io/v1": () => "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1",
  "keda.sh/v1alpha1": () => "@kubernetes-models/keda/keda.sh/v1alpha1",
};

let wrong = 0;
for (const document of JSON.parse(readFileSync(0, "utf8"))) {
  const { apiVersion, kind, metadata } = document;
  const say = (what) => {
    wrong += 1;
    console.log(`${kind} ${metadata?.name}: ${what}`);
  };
  try {
    const module = await import(packages[apiVersion]?.(kind) ?? "nothing-has-it");
    if (!module[kind]) {
      say(`${apiVersion} has no such kind`);
      continue;
    }
    new module[kind](document).validate();
  } catch (error) {
    say(error.message);
  }
}
process.exit(wrong === 0 ? 0 : 1);
