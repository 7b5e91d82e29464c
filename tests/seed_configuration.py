"""The config file with the blocks that the seed writes."""

SEED = """
clusters:
  - name: aws-eks-seoul
    type: kubernetes
    kubeconfig: /path/to/kubeconfig
    context: arn:aws:eks:...
    registry: 123456789.dkr.ecr.ap-northeast-2.amazonaws.com

  - name: azure-aks-korea
    type: kubernetes
    kubeconfig: /path/to/kubeconfig
    context: azure-aks
    registry: myregistry.azurecr.io

docker:
  local:
    socket: unix:///var/run/docker.sock

ai:
  provider: openai
  model: gpt-4-turbo-preview
  api_key: ${OPENAI_API_KEY}
  temperature: 0.3
  max_tokens: 2000
"""
