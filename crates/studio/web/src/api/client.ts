import { QueryClient, useQuery } from '@tanstack/react-query'
import { Failure, request } from './failure'
import type { CuratedSet, Document, RunReport, StudioInfo, TrainingRun } from './types'

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 60_000,
      retry: (count, error) =>
        error instanceof Failure && error.kind === 'unreachable' && count < 2,
    },
  },
})

async function getJson<T>(path: string): Promise<T> {
  const response = await request(path, { headers: { accept: 'application/json' } })
  return (await response.json()) as T
}

export function useInfo() {
  return useQuery({ queryKey: ['info'], queryFn: () => getJson<StudioInfo>('/api/studio/info') })
}

export function useReport() {
  return useQuery({
    queryKey: ['report'],
    queryFn: () => getJson<RunReport>('/api/studio/report'),
  })
}

/** The project's training runs, asked for again and again: they may be going on. */
export function useRuns() {
  return useQuery({
    queryKey: ['runs'],
    queryFn: () => getJson<TrainingRun[]>('/api/studio/runs'),
    refetchInterval: 2_000,
    staleTime: 0,
  })
}

/** The project's cleaned data sets, asked for again now and then: another may have been made. */
export function useSets() {
  return useQuery({
    queryKey: ['sets'],
    queryFn: () => getJson<CuratedSet[]>('/api/studio/data'),
    refetchInterval: 10_000,
    staleTime: 0,
  })
}

export function useDocument(id: string | undefined) {
  return useQuery({
    queryKey: ['document', id],
    queryFn: () => getJson<Document>(`/api/studio/documents/${encodeURIComponent(id ?? '')}`),
    enabled: id !== undefined,
  })
}

/**
 * The assistant among the served models: the project's own name, else the first that is neither a
 * bare model nor an embedder.
 */
export function assistantOf(ids: string[], project: string | undefined): string | undefined {
  if (project !== undefined && ids.includes(project)) return project
  return ids.find((id) => !/-(model|embedder)$/.test(id)) ?? ids[0]
}

/** The assistant's model id; asked for once it is known whether the project has a name. */
export function useAssistant(info: ReturnType<typeof useInfo>) {
  const project = info.data?.project
  return useQuery({
    queryKey: ['models', project],
    enabled: !info.isPending,
    queryFn: async () => {
      const list = await getJson<{ data: { id: string }[] }>('/v1/models')
      const id = assistantOf(
        list.data.map((model) => model.id),
        project,
      )
      if (id === undefined) throw new Failure('missing', '/v1/models')
      return id
    },
  })
}
